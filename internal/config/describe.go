package config

// DescribeBroker and DescribeTopic give every key with value, source and synonyms.
func (b *Broker) DescribeBroker() []Entry                           { panic("unwritten") }
func (b *Broker) DescribeTopic(overrides map[string]string) []Entry { panic("unwritten") }

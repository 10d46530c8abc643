package config

// WithDynamic gives the configuration with other dynamic values; an error names what is not allowed (unknown or read-only key, bad value).
func (b *Broker) WithDynamic(perBroker, clusterDefault map[string]string) (*Broker, error) {
	panic("unwritten")
}

// ValidateDynamic checks a change of dynamic broker values; perBroker tells which scope (else cluster default).
func (b *Broker) ValidateDynamic(values map[string]string, perBroker bool) error { panic("unwritten") }

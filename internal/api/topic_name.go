package api

// maxTopicNameBytes is Kafka's limit.
const maxTopicNameBytes = 249

// validTopicName tells whether a topic could have this name: one to 249 of a–z, A–Z, 0–9, ".", "_" and "-", and neither "." nor "..".
func validTopicName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxTopicNameBytes {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

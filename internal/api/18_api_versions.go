package api

import (
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ApiVersions, v0 to v4. What is told is the table: every key that is served on this listener, those between brokers included, as Kafka with
// ZooKeeper tells them. Of the features (KIP-584) there is one, group.version, finalized from the start as in a new cluster of Kafka 4: it
// stands for the protocol of KIP-848. There is no metadata.version without KRaft, and what clients may use otherwise follows from the
// versions alone.

// The levels of group.version; 1 is the protocol of KIP-848.
const (
	groupFeature         = "group.version"
	groupFeatureMin      = 0
	groupFeatureMax      = 1
	featuresSinceVersion = 3
	featureLevel0Since   = 4
)

func (s *Services) apiVersionsRow(table func() []Row) Row {
	handle := func(call *Call, r kmsg.Request) {
		req := r.(*kmsg.ApiVersionsRequest)
		resp := kmsg.NewPtrApiVersionsResponse()
		if call.Header.Version >= 3 {
			if !validSoftware(req.ClientSoftwareName) || !validSoftware(req.ClientSoftwareVersion) {
				resp.ErrorCode = kerr.InvalidRequest.Code
				call.Respond(resp)
				return
			}
			call.Client.Software, call.Client.SoftwareVersion = req.ClientSoftwareName, req.ClientSoftwareVersion
		}
		resp.FinalizedFeaturesEpoch = 0
		if call.Header.Version >= featuresSinceVersion && s.Groups != nil {
			addFeatures(resp, call.Header.Version)
		}
		for _, row := range table() {
			resp.ApiKeys = append(resp.ApiKeys, advertised(row))
		}
		call.Respond(resp)
	}
	return Row{Key: int16(kmsg.ApiVersions), Min: 0, Max: 4, MaxBytes: 64 << 10, Handle: handle}
}

// addFeatures tells of the feature. Clients before v4 are not told that it is supported, since its least level is 0 (KIP-1022).
func addFeatures(resp *kmsg.ApiVersionsResponse, version int16) {
	if version >= featureLevel0Since {
		supported := kmsg.NewApiVersionsResponseSupportedFeature()
		supported.Name, supported.MinVersion, supported.MaxVersion = groupFeature, groupFeatureMin, groupFeatureMax
		resp.SupportedFeatures = append(resp.SupportedFeatures, supported)
	}
	finalized := kmsg.NewApiVersionsResponseFinalizedFeature()
	finalized.Name, finalized.MinVersionLevel, finalized.MaxVersionLevel = groupFeature, groupFeatureMax, groupFeatureMax
	resp.FinalizedFeatures = append(resp.FinalizedFeatures, finalized)
}

// advertised is what is told of a row. Produce is told from v0 on, as Kafka 4 does: librdkafka takes a broker without it for one that
// cannot compress; the versions below the row's are refused all the same.
func advertised(row Row) kmsg.ApiVersionsResponseApiKey {
	key := kmsg.ApiVersionsResponseApiKey{ApiKey: row.Key, MinVersion: row.Min, MaxVersion: row.Max}
	if row.Key == int16(kmsg.Produce) {
		key.MinVersion = 0
	}
	return key
}

// refuseApiVersions answers an unknown version in v0 with the versions that are known (KIP-511).
func refuseApiVersions(call *Call, row *Row) {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ErrorCode = kerr.UnsupportedVersion.Code
	resp.ApiKeys = append(resp.ApiKeys, advertised(*row))
	var reply wire.Reply
	reply.Bytes(resp.AppendTo(nil)) // v0
	call.Answer(reply)
}

// validSoftware is Kafka's rule for the name and version of a client: letters, digits, and "-" and "." inside.
func validSoftware(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case (c == '-' || c == '.') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return s != ""
}

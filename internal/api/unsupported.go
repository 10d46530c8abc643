package api

import "github.com/twmb/franz-go/pkg/kmsg"

// unsupportedKeys are keys that are not served, for one reason.
type unsupportedKeys struct {
	reason string
	keys   []kmsg.Key
}

// unsupported lists the keys that are not served. They are not advertised, and a request for one closes its connection, as it does with
// a Kafka that does not know the key.
func unsupported() []unsupportedKeys {
	return []unsupportedKeys{
		{"this release has no transactions", []kmsg.Key{
			kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.EndTxn, kmsg.WriteTxnMarkers, kmsg.TxnOffsetCommit,
			kmsg.DescribeTransactions, kmsg.ListTransactions,
		}},
		{"this release has no authentication and no authorization", []kmsg.Key{
			kmsg.SASLHandshake, kmsg.SASLAuthenticate, kmsg.DescribeACLs, kmsg.CreateACLs, kmsg.DeleteACLs,
			kmsg.CreateDelegationToken, kmsg.RenewDelegationToken, kmsg.ExpireDelegationToken, kmsg.DescribeDelegationToken,
			kmsg.DescribeUserSCRAMCredentials, kmsg.AlterUserSCRAMCredentials,
		}},
		{"this release has no quotas", []kmsg.Key{kmsg.DescribeClientQuotas, kmsg.AlterClientQuotas}},
		{"this release does not move partitions between the directories of a broker", []kmsg.Key{kmsg.AlterReplicaLogDirs}},
		{"belongs to KRaft: the controller here keeps its state in the coordination store", []kmsg.Key{
			kmsg.AssignReplicasToDirs, kmsg.Vote, kmsg.BeginQuorumEpoch, kmsg.EndQuorumEpoch, kmsg.DescribeQuorum, kmsg.FetchSnapshot,
			kmsg.BrokerRegistration, kmsg.BrokerHeartbeat, kmsg.UnregisterBroker, kmsg.Envelope, kmsg.ControllerRegistration,
			kmsg.UnregisterController, kmsg.AddRaftVoter, kmsg.RemoveRaftVoter, kmsg.UpdateRaftVoter,
		}},
		{"the one feature here is finalized from the start: see ApiVersions", []kmsg.Key{kmsg.UpdateFeatures}},
		{"there are no resources for client metrics and no configurations of groups", []kmsg.Key{kmsg.ListConfigResources}},
		{"no metrics of clients are taken; Kafka without a plugin for them does not advertise it either", []kmsg.Key{
			kmsg.GetTelemetrySubscriptions, kmsg.PushTelemetry,
		}},
		{"this release has no share groups", []kmsg.Key{
			kmsg.ShareGroupHeartbeat, kmsg.ShareGroupDescribe, kmsg.ShareFetch, kmsg.ShareAcknowledge, kmsg.InitializeShareGroupState,
			kmsg.ReadShareGroupState, kmsg.WriteShareGroupState, kmsg.DeleteShareGroupState, kmsg.ReadShareGroupStateSummary,
			kmsg.DescribeShareGroupOffsets, kmsg.AlterShareGroupOffsets, kmsg.DeleteShareGroupOffsets,
		}},
		{"this release has no Streams groups", []kmsg.Key{
			kmsg.StreamsGroupHeartbeat, kmsg.StreamsGroupDescribe, kmsg.StreamsGroupTopologyDescriptionUpdate,
		}},
	}
}

// whyUnsupported is the reason for a key that Kafka's clients know and this broker does not serve; "" for any other.
func whyUnsupported(key kmsg.Key) string {
	for _, u := range unsupported() {
		for _, k := range u.keys {
			if k == key {
				return u.reason
			}
		}
	}
	return ""
}

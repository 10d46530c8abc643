package api

import "github.com/twmb/franz-go/pkg/kmsg"

// unsupported names the keys that are not served, with the reason. They are not advertised, and a request for one closes its connection,
// as it does with a Kafka that does not know the key.
func unsupported() map[kmsg.Key]string {
	const (
		groups       = "this release has no groups"
		transactions = "this release has no transactions"
		security     = "this release has no authentication and no authorization"
		quotas       = "this release has no quotas"
		replication  = "this release has one replica of each partition"
		kraft        = "belongs to KRaft: the controller here keeps its state in the coordination store"
		share        = "this release has no share groups"
		streams      = "this release has no Streams groups"
		telemetry    = "no metrics of clients are taken; Kafka without a plugin for them does not advertise it either"
	)
	return map[kmsg.Key]string{
		kmsg.OffsetCommit:                          groups,
		kmsg.OffsetFetch:                           groups,
		kmsg.FindCoordinator:                       groups,
		kmsg.JoinGroup:                             groups,
		kmsg.Heartbeat:                             groups,
		kmsg.LeaveGroup:                            groups,
		kmsg.SyncGroup:                             groups,
		kmsg.DescribeGroups:                        groups,
		kmsg.ListGroups:                            groups,
		kmsg.DeleteGroups:                          groups,
		kmsg.OffsetDelete:                          groups,
		kmsg.ConsumerGroupHeartbeat:                groups,
		kmsg.ConsumerGroupDescribe:                 groups,
		kmsg.AddPartitionsToTxn:                    transactions,
		kmsg.AddOffsetsToTxn:                       transactions,
		kmsg.EndTxn:                                transactions,
		kmsg.WriteTxnMarkers:                       transactions,
		kmsg.TxnOffsetCommit:                       transactions,
		kmsg.DescribeTransactions:                  transactions,
		kmsg.ListTransactions:                      transactions,
		kmsg.SASLHandshake:                         security,
		kmsg.SASLAuthenticate:                      security,
		kmsg.DescribeACLs:                          security,
		kmsg.CreateACLs:                            security,
		kmsg.DeleteACLs:                            security,
		kmsg.CreateDelegationToken:                 security,
		kmsg.RenewDelegationToken:                  security,
		kmsg.ExpireDelegationToken:                 security,
		kmsg.DescribeDelegationToken:               security,
		kmsg.DescribeUserSCRAMCredentials:          security,
		kmsg.AlterUserSCRAMCredentials:             security,
		kmsg.DescribeClientQuotas:                  quotas,
		kmsg.AlterClientQuotas:                     quotas,
		kmsg.AlterReplicaLogDirs:                   replication,
		kmsg.ElectLeaders:                          replication,
		kmsg.AlterPartitionAssignments:             replication,
		kmsg.ListPartitionReassignments:            replication,
		kmsg.AssignReplicasToDirs:                  kraft,
		kmsg.Vote:                                  kraft,
		kmsg.BeginQuorumEpoch:                      kraft,
		kmsg.EndQuorumEpoch:                        kraft,
		kmsg.DescribeQuorum:                        kraft,
		kmsg.FetchSnapshot:                         kraft,
		kmsg.BrokerRegistration:                    kraft,
		kmsg.BrokerHeartbeat:                       kraft,
		kmsg.UnregisterBroker:                      kraft,
		kmsg.Envelope:                              kraft,
		kmsg.ControllerRegistration:                kraft,
		kmsg.AddRaftVoter:                          kraft,
		kmsg.RemoveRaftVoter:                       kraft,
		kmsg.UpdateRaftVoter:                       kraft,
		kmsg.UpdateFeatures:                        "there is no feature to finalize: see ApiVersions",
		kmsg.ListConfigResources:                   "this release has no client metrics resources and no configurations of groups",
		kmsg.GetTelemetrySubscriptions:             telemetry,
		kmsg.PushTelemetry:                         telemetry,
		kmsg.ShareGroupHeartbeat:                   share,
		kmsg.ShareGroupDescribe:                    share,
		kmsg.ShareFetch:                            share,
		kmsg.ShareAcknowledge:                      share,
		kmsg.InitializeShareGroupState:             share,
		kmsg.ReadShareGroupState:                   share,
		kmsg.WriteShareGroupState:                  share,
		kmsg.DeleteShareGroupState:                 share,
		kmsg.ReadShareGroupStateSummary:            share,
		kmsg.DescribeShareGroupOffsets:             share,
		kmsg.AlterShareGroupOffsets:                share,
		kmsg.DeleteShareGroupOffsets:               share,
		kmsg.StreamsGroupHeartbeat:                 streams,
		kmsg.StreamsGroupDescribe:                  streams,
		kmsg.StreamsGroupTopologyDescriptionUpdate: streams,
		kmsg.UnregisterController:                  kraft,
	}
}

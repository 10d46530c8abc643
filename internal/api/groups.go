package api

import (
	"net"

	"milena/internal/group"
)

// Bounds of the requests of groups. A group's subscriptions, assignments and offsets are bounded by the records that hold them; a request
// may carry many.
const (
	groupRequestMaxBytes = 32 << 20
	smallRequestMaxBytes = 64 << 10
)

// groupRows are the keys of groups and their offsets.
func (s *Services) groupRows() []Row {
	return []Row{
		s.offsetCommitRow(), s.offsetFetchRow(), s.findCoordinatorRow(), s.joinGroupRow(), s.heartbeatRow(), s.leaveGroupRow(), s.syncGroupRow(),
		s.describeGroupsRow(), s.listGroupsRow(), s.deleteGroupsRow(), s.offsetDeleteRow(), s.consumerGroupHeartbeatRow(),
		s.consumerGroupDescribeRow(),
	}
}

// callerOf is who sends a request, as a group's description shows it: "/" and the address, without the port.
func callerOf(call *Call) group.Caller {
	by := group.Caller{ClientID: call.Header.ClientID}
	if call.Client.Remote == nil {
		return by
	}
	host, _, err := net.SplitHostPort(call.Client.Remote.String())
	if err != nil {
		host = call.Client.Remote.String()
	}
	by.ClientHost = "/" + host
	return by
}

package api

import (
	"net"
	"slices"
	"testing"

	"milena/internal/group"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestFindCoordinator(t *testing.T) {
	b := newBench(t)
	creator := &autoCreate{}
	b.services.AutoCreate = creator
	b.dispatch = NewDispatch([]Row{b.services.findCoordinatorRow()})
	ask := func(version int16, kind int8, keys ...string) *kmsg.FindCoordinatorResponse {
		t.Helper()
		req, resp := kmsg.NewPtrFindCoordinatorRequest(), kmsg.NewPtrFindCoordinatorResponse()
		req.Version, req.CoordinatorType, req.CoordinatorKey, req.CoordinatorKeys = version, kind, keys[0], keys
		resp.Version = version
		if err := resp.ReadFrom(b.start(req).body); err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for version := range int16(4) {
		r := ask(version, coordinatorOfGroup, "g")
		if r.ErrorCode != 0 || r.NodeID != 1 || r.Host != "one" || r.Port != 9092 || version > 0 && *r.ErrorMessage != "NONE" {
			t.Errorf("v%d: %+v", version, r)
		}
	}
	for version := int16(4); version <= 6; version++ {
		r := ask(version, coordinatorOfGroup, "g", "", "h")
		if len(r.Coordinators) != 3 || r.Coordinators[2].Key != "h" || r.Coordinators[1].NodeID != 1 || *r.Coordinators[0].ErrorMessage != "" {
			t.Errorf("v%d: %+v", version, r)
		}
		for kind, message := range map[int8]bool{coordinatorOfShare: false, 9: true} {
			c := ask(version, kind, "g").Coordinators[0]
			if c.ErrorCode != kerr.InvalidRequest.Code || c.NodeID != -1 || c.Port != -1 || (*c.ErrorMessage != "") != message {
				t.Errorf("v%d of kind %d: %+v", version, kind, c)
			}
		}
	}
	if len(creator.asked) != 0 {
		t.Fatal(creator.asked)
	}
	if c := ask(6, coordinatorOfTransaction, "x").Coordinators[0]; c.ErrorCode != kerr.CoordinatorNotAvailable.Code {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(creator.asked, []string{transactionTopic}) {
		t.Error(creator.asked)
	}
}

func TestFeatures(t *testing.T) {
	b := newBench(t)
	b.services.Groups = &group.Coordinator{}
	for version, want := range map[int16][2]int{2: {0, 0}, 3: {0, 1}, 4: {1, 1}} {
		req, resp := kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrApiVersionsResponse()
		req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion, resp.Version = version, "a", "1", version
		if err := resp.ReadFrom(b.start(req).body); err != nil {
			t.Fatal(err)
		}
		if len(resp.SupportedFeatures) != want[0] || len(resp.FinalizedFeatures) != want[1] {
			t.Fatalf("v%d: %+v, %+v", version, resp.SupportedFeatures, resp.FinalizedFeatures)
		}
		if want[1] > 0 && (resp.FinalizedFeatures[0].Name != "group.version" || resp.FinalizedFeatures[0].MaxVersionLevel != 1) {
			t.Errorf("v%d: %+v", version, resp.FinalizedFeatures)
		}
	}
}

func TestCallerOf(t *testing.T) {
	call := &Call{Client: &Client{Remote: &net.TCPAddr{IP: net.ParseIP("127.0.0.1"), Port: 7}}}
	call.Header.ClientID = "c"
	if by := callerOf(call); by != (group.Caller{ClientID: "c", ClientHost: "/127.0.0.1"}) {
		t.Errorf("%+v", by)
	}
}

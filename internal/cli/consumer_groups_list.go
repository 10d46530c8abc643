package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupListing is one group of a list.
type groupListing struct{ id, kind, protocol, state string }

// consumerGroupStates are the states that a consumer group can be in, as brokers spell them, in the order in which Kafka's tool
// prints them.
func consumerGroupStates() []string {
	return []string{"Reconciling", "PreparingRebalance", "Stable", "CompletingRebalance", "Dead", "Empty", "Assigning"}
}

// list prints the groups there are.
func (g *groupClient) list(ctx context.Context, v *Values) error {
	states, err := namesFrom(v.Value("state"), consumerGroupStates(), "Invalid state list '%s'. Valid states are: %s")
	if err != nil {
		return err
	}
	types, err := namesFrom(v.Value("type"), []string{"Consumer", "Classic"}, "Invalid types list '%s'. Valid types are: %s")
	if err != nil {
		return err
	}
	groups, err := g.consumerGroupListings(ctx, types, states)
	switch {
	case err != nil && (v.Has("type") || v.Has("state")):
		return failedBy(err)
	case err != nil:
		return failedInCall(err)
	}
	printListings(g.env, groups, v.Has("type"), v.Has("state"))
	return nil
}

// namesFrom reads a list of names in any case of letters; refusal takes the text and the names there are.
func namesFrom(text string, all []string, refusal string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var names []string
	for _, word := range strings.Split(text, ",") {
		found := ""
		for _, name := range all {
			if strings.EqualFold(name, strings.TrimSpace(word)) {
				found = name
			}
		}
		if found == "" {
			return nil, Usagef(refusal, text, strings.Join(all, ", "))
		}
		names = append(names, found)
	}
	return names, nil
}

func printListings(env *Env, groups []groupListing, kinds, states bool) {
	if !kinds && !states {
		for _, group := range groups {
			env.println(group.id)
		}
		return
	}
	width := 15
	for _, group := range groups {
		width = max(width, len(group.id))
	}
	row := func(group groupListing) {
		env.printf("%-*s", width+10, group.id)
		if kinds {
			env.printf(" %-20s", group.kind)
		}
		if states {
			env.printf(" %-20s", group.state)
		}
		env.println()
	}
	row(groupListing{id: "GROUP", kind: "TYPE", state: "STATE"})
	for _, group := range groups {
		row(group)
	}
}

// consumerGroupListings lists consumer groups of these types and states; empty: of all.
func (g *groupClient) consumerGroupListings(ctx context.Context, types, states []string) ([]groupListing, error) {
	if len(types) == 0 {
		types = []string{"Classic", "Consumer"}
	}
	all, err := g.listings(ctx, types, states)
	if err != nil {
		return nil, err
	}
	groups := all[:0]
	for _, group := range all {
		if group.protocol == "" || group.protocol == "consumer" {
			groups = append(groups, group)
		}
	}
	return groups, nil
}

// consumerGroupIDs are the ids of all consumer groups.
func (g *groupClient) consumerGroupIDs(ctx context.Context) ([]string, error) {
	groups, err := g.consumerGroupListings(ctx, nil, nil)
	ids := make([]string, len(groups))
	for i, group := range groups {
		ids[i] = group.id
	}
	return ids, err
}

// listings asks all brokers for their groups, in the order in which Kafka's client has them. Brokers before 2.6 know no states,
// and those before 3.8 no types: all their groups are classic ones.
func (g *groupClient) listings(ctx context.Context, types, states []string) ([]groupListing, error) {
	request := kmsg.NewPtrListGroupsRequest()
	request.TypesFilter, request.StatesFilter = types, states
	shards, err := g.sharded(ctx, "listGroups", request)
	if err != nil {
		return nil, err
	}
	var ids []string
	byID := map[string]groupListing{}
	for _, shard := range shards {
		if shard.Err != nil {
			return nil, fromClient(shard.Err)
		}
		response := shard.Resp.(*kmsg.ListGroupsResponse)
		if err := codeError(response.ErrorCode, nil); err != nil {
			return nil, err
		}
		if version := response.Version; version < 4 && len(states) > 0 {
			return nil, tooOldToList(&shard.Meta, version, 4, "groups by states.")
		} else if version < 5 && len(types) > 0 && !contains(types, "Classic") {
			return nil, tooOldToList(&shard.Meta, version, 5, "groups by type. Requested group types: ["+strings.Join(types, ", ")+"].")
		}
		for _, group := range response.Groups {
			if _, twice := byID[group.Group]; !twice {
				ids = append(ids, group.Group)
			}
			byID[group.Group] = groupListing{group.Group, known(group.GroupType), group.ProtocolType, known(group.GroupState)}
		}
	}
	groups := make([]groupListing, len(ids))
	for i, id := range javaHashOrder(ids) {
		groups[i] = byID[id]
	}
	return groups, nil
}

// tooOldToList is Kafka's error of a broker that cannot be asked for what.
func tooOldToList(broker *kgo.BrokerMetadata, version, needed int16, what string) error {
	rack := "null"
	if broker.Rack != nil {
		rack = *broker.Rack
	}
	return &apiError{kerr.UnsupportedVersion.Code, fmt.Sprintf("Error listing groups on %s:%d (id: %d rack: %s isFenced: false): The broker "+
		"only supports ListGroups v%d, but we need v%d or newer to request %s", broker.Host, broker.Port, broker.NodeID, rack, version, needed, what)}
}

// known is a state or a type as Kafka's tools spell it; brokers write types in small letters.
func known(name string) string {
	if name == "" {
		return "Unknown"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

package nft

import "slices"

// typeofExpr is an expression that stands for its type, where nft has no name for
// that or means something else by it. nft keeps it with the set, and in its own
// form: an enum expr_types and what the expression is made of, attribute by attribute.
type typeofExpr struct {
	text string
	kind uint32
	data []userAttribute
}

type userAttribute struct {
	kind  byte
	value uint32
}

// Numbers of nft's enum expr_types and of the headers and fields that it describes.
const (
	userExprVerdict = 1
	userExprPayload = 7
	userExprMeta    = 9
	userExprNumgen  = 23

	userDescIP   = 12 // PROTO_DESC_IP
	userDescIP6  = 13
	userIPDaddr  = 12 // IPHDR_DADDR
	userIP6Daddr = 9
)

// typeofs are the types that are told by an expression. An instant is one, since
// `type time` is a duration. The modulus of numgen is any: nft holds no key to it.
var (
	typeofTime = typeofExpr{"meta time", userExprMeta, []userAttribute{{0, fieldInfos[MetaTime].at}}}
	typeofSlot = typeofExpr{"numgen inc mod 256", userExprNumgen, []userAttribute{{0, 0}, {1, 256}, {2, 0}}}
	typeofIPv4 = typeofExpr{"ip daddr", userExprPayload, []userAttribute{{0, userDescIP}, {1, userIPDaddr}, {6, 0}}}
	typeofIPv6 = typeofExpr{"ip6 daddr", userExprPayload, []userAttribute{{0, userDescIP6}, {1, userIP6Daddr}, {6, 0}}}
)

// typeof are the expressions for the key and the data of a set that is told by
// them; data is zero of a set that is no map.
func (s Set) typeof() (key, data typeofExpr, ok bool) {
	if len(s.Key) != 1 {
		return key, data, false
	}
	switch s.Key[0] {
	case TypeTime:
		key = typeofTime
	case TypeSlot:
		key = typeofSlot
	default:
		return key, data, false
	}
	switch s.Data {
	case TypeVerdict:
		data = typeofExpr{text: "verdict", kind: userExprVerdict}
	case TypeIPv4:
		data = typeofIPv4
	case TypeIPv6:
		data = typeofIPv6
	}
	return key, data, s.Data == 0 || data.text != ""
}

// nameable says whether nft can read the type of a set that it lists. The
// anonymous sets of rules tell no type.
func (s Set) nameable() bool {
	if s.Name == anonymousSet || s.Name == anonymousMap || !slices.Contains(s.Key, TypeSlot) {
		return true
	}
	_, _, ok := s.typeof()
	return ok
}

// userdata is the expression as nft keeps it.
func (x typeofExpr) userdata() []byte {
	var data []byte
	for _, a := range x.data {
		data = appendUserNumber(data, a.kind, a.value)
	}
	const kind, attributes = 0, 1
	return appendUser(appendUserNumber(nil, kind, x.kind), attributes, data)
}

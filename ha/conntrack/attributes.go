package conntrack

// attr is the number of an attribute, within the attribute that holds it.
type attr uint16

// enum ctattr_type, linux/netfilter/nfnetlink_conntrack.h: what a message about a flow holds.
const (
	ctaTupleOrig   attr = 1
	ctaTupleReply  attr = 2
	ctaStatus      attr = 3
	ctaProtoInfo   attr = 4
	ctaHelp        attr = 5
	ctaNATSrc      attr = 6
	ctaTimeout     attr = 7
	ctaMark        attr = 8
	ctaNATDst      attr = 13
	ctaTupleMaster attr = 14
	ctaSeqAdjOrig  attr = 15
	ctaSeqAdjReply attr = 16
	ctaZone        attr = 18
	ctaLabels      attr = 22
	ctaSynProxy    attr = 24
)

// enum ctattr_expect: what a message about an expectation holds.
const (
	ctaExpectMaster   attr = 1
	ctaExpectTuple    attr = 2
	ctaExpectMask     attr = 3
	ctaExpectTimeout  attr = 4
	ctaExpectHelpName attr = 6
	ctaExpectZone     attr = 7
	ctaExpectFlags    attr = 8
	ctaExpectClass    attr = 9
	ctaExpectNAT      attr = 10
	ctaExpectFn       attr = 11
)

// enum ctattr_tuple.
const (
	ctaTupleIP    attr = 1
	ctaTupleProto attr = 2
	ctaTupleZone  attr = 3
)

// enum ctattr_ip.
const (
	ctaIPv4Src attr = 1
	ctaIPv4Dst attr = 2
	ctaIPv6Src attr = 3
	ctaIPv6Dst attr = 4
)

// enum ctattr_l4proto.
const (
	ctaProtoNum   attr = 1
	ctaSrcPort    attr = 2
	ctaDstPort    attr = 3
	ctaICMPID     attr = 4
	ctaICMPType   attr = 5
	ctaICMPCode   attr = 6
	ctaICMPv6ID   attr = 7
	ctaICMPv6Type attr = 8
	ctaICMPv6Code attr = 9
)

// enum ctattr_protoinfo.
const (
	ctaInfoTCP  attr = 1
	ctaInfoDCCP attr = 2
	ctaInfoSCTP attr = 3
)

// enum ctattr_protoinfo_tcp.
const (
	ctaTCPState      attr = 1
	ctaTCPScaleOrig  attr = 2
	ctaTCPScaleReply attr = 3
	ctaTCPFlagsOrig  attr = 4 // struct nf_ct_tcp_flags, nf_conntrack_tcp.h
	ctaTCPFlagsReply attr = 5
)

// enum ctattr_protoinfo_dccp.
const (
	ctaDCCPState     attr = 1
	ctaDCCPRole      attr = 2
	ctaDCCPHandshake attr = 3
)

// enum ctattr_protoinfo_sctp.
const (
	ctaSCTPState     attr = 1
	ctaSCTPVTagOrig  attr = 2
	ctaSCTPVTagReply attr = 3
)

// enum ctattr_nat and enum ctattr_protonat.
const (
	ctaNATv4Min   attr = 1
	ctaNATv4Max   attr = 2
	ctaNATProto   attr = 3
	ctaNATv6Min   attr = 4
	ctaNATv6Max   attr = 5
	ctaNATPortMin attr = 1
	ctaNATPortMax attr = 2
)

// enum ctattr_help, enum ctattr_seqadj, enum ctattr_synproxy and enum ctattr_expect_nat.
const (
	ctaHelpName       attr = 1
	ctaSeqAdjPos      attr = 1
	ctaSeqAdjBefore   attr = 2
	ctaSeqAdjAfter    attr = 3
	ctaSynProxyISN    attr = 1
	ctaSynProxyITS    attr = 2
	ctaSynProxyOffset attr = 3
	ctaExpectNATDir   attr = 1
	ctaExpectNATTuple attr = 2
)

// attrNested and attrOrder are NLA_F_NESTED and NLA_F_NET_BYTEORDER, linux/netlink.h.
const (
	attrNested attr = 0x8000
	attrOrder  attr = 0x4000
)

// msg is nlmsg_type of struct nlmsghdr.
type msg uint16

// The messages of netlink itself, linux/netlink.h, and those of both subsystems: NFNL_SUBSYS_CTNETLINK and
// NFNL_SUBSYS_CTNETLINK_EXP of linux/netfilter/nfnetlink.h above the numbers of enum cntl_msg_types.
const (
	msgError     msg = 2
	msgDone      msg = 3
	msgFlow      msg = 1 << 8
	msgExpect    msg = 2 << 8
	msgSubsystem msg = 0xff00
	msgNew       msg = 0
	msgGet       msg = 1
	msgDelete    msg = 2
)

// msgOf is the message of the subsystem that has flows, or expectations.
func msgOf(k Kind, what msg) msg {
	if k == KindExpect {
		return msgExpect | what
	}
	return msgFlow | what
}

// flag is nlmsg_flags of struct nlmsghdr, linux/netlink.h.
type flag uint16

const (
	flagRequest   flag = 0x1
	flagDump      flag = 0x300
	flagExclusive flag = 0x200
	flagCreate    flag = 0x400
)

const (
	headerLen = 16 // struct nlmsghdr
	familyLen = 4  // struct nfgenmsg
	attrLen   = 4  // struct nlattr
)

package conntrack

// Event is what a message of the kernel is about.
type Event uint8

// What the kernel tells. Walks and answers to AskFlow are Update.
const (
	Other Event = iota // nothing of ours
	New
	Update
	Destroy
	Done    // the end of a walk
	Refused // an error, or an acknowledgment if Errno is zero
)

// Has says which fields a message brought. What an UPDATE does not mention has not changed; a
// walk and an answer to AskFlow mention all there is.
type Has uint16

// What a message may bring.
const (
	HasStatus Has = 1 << iota
	HasTimeout
	HasMark
	HasProto // State, Flags, Scale, VTag, DCCP
	HasHelper
	HasMaster
	HasLabels
	HasAdjust
	HasProxy
	HasZones // a zone of one direction alone: Extra.Zones
)

// Message is one message of the kernel. It is used again for the next: Parse overwrites all of it.
type Message struct {
	Event Event
	Port  uint32 // the socket that caused it; zero: a packet, or time
	Seq   uint32 // of the request that it answers
	Errno int32  // of Refused and Done, positive
	Has   Has
	Flow  Flow
	Extra Extra // valid where Has says so
}

package packetlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// From nfnetlink_log.h: the types of messages, and the attributes of a request (NFULA_CFG_) and of a packet (NFULA_).
const (
	msgPacket = unix.NFNL_SUBSYS_ULOG << 8
	msgConfig = unix.NFNL_SUBSYS_ULOG<<8 | 1

	cfgCommand   = 1
	cfgMode      = 2
	cfgTimeout   = 4
	cfgThreshold = 5
	cfgFlags     = 6

	commandBind = 1
	copyPacket  = 2
	flagSeq     = 1

	attrMark      = 2
	attrTimestamp = 3
	attrIn        = 4
	attrOut       = 5
	attrHWAddr    = 8
	attrPayload   = 9
	attrPrefix    = 10
	attrSeq       = 12

	genmsgLen = 4 // struct nfgenmsg before the attributes
)

// What the kernel gathers before it sends: enough that a flood costs few wake-ups, not so long that a person notices.
const (
	gatherPackets = 32
	gatherTime    = 100 * time.Millisecond

	// snapLen is a bound for rules that set none; headers are all that is read.
	snapLen = 256
)

// socket is an NFLOG group over mdlayher/netlink, the socket under go-nflog. That library reads in a goroutine which cannot be
// waited for, so that a callback may still run after Close; here the caller of receive reads.
type socket struct{ conn *netlink.Conn }

// listen binds the group. An overrun is wanted as an error, so ENOBUFS stays on.
func listen(group uint16, buffer int) (*socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, err
	}
	err = conn.SetReadBuffer(buffer)
	if err == nil {
		_, err = conn.Send(bindRequest(group))
	}
	if err == nil {
		err = acknowledged(conn)
	}
	if errors.Is(err, unix.EPERM) { // the kernel's answer to both
		err = fmt.Errorf("CAP_NET_ADMIN is missing, or another program reads it: %w", err)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &socket{conn}, nil
}

// acknowledged waits for the kernel's consent. Packets that were logged before it arrives are passed over; their numbers tell
// that they were lost.
func acknowledged(conn *netlink.Conn) error {
	for {
		answers, err := conn.Receive() // a refusal is an error
		if err != nil || slices.ContainsFunc(answers, func(m netlink.Message) bool { return m.Header.Type == netlink.Error }) {
			return err
		}
	}
}

// bindRequest asks for the group and sets it up in one message, so that no packet is logged by other settings.
func bindRequest(group uint16) netlink.Message {
	data := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}
	data = binary.BigEndian.AppendUint16(data, group)
	mode := append(binary.BigEndian.AppendUint32(nil, snapLen), copyPacket, 0)
	timeout := uint32(gatherTime / (10 * time.Millisecond)) // NFULA_CFG_TIMEOUT is in hundredths of a second
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.Bytes(cfgCommand, []byte{commandBind})
	ae.Bytes(cfgMode, mode)
	ae.Uint32(cfgTimeout, timeout)
	ae.Uint32(cfgThreshold, gatherPackets)
	ae.Uint16(cfgFlags, flagSeq)
	attrs, err := ae.Encode()
	if err != nil {
		panic("packetlog: bind request: " + err.Error()) // attributes of fixed size always fit
	}
	return netlink.Message{
		Header: netlink.Header{Type: msgConfig, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(data, attrs...),
	}
}

func (s *socket) close() { s.conn.Close() }

// interrupt makes receive return, now and from now on.
func (s *socket) interrupt() { s.conn.SetReadDeadline(time.Unix(1, 0)) }

func (s *socket) receive() ([]message, error) {
	raw, err := s.conn.Receive()
	if errors.Is(err, unix.ENOBUFS) {
		return nil, errOverrun
	}
	if err != nil {
		return nil, err
	}
	messages := make([]message, 0, len(raw))
	for _, m := range raw {
		if m.Header.Type == msgPacket { // not the end mark of a batch
			messages = append(messages, parseMessage(m.Data))
		}
	}
	return messages, nil
}

// device asks in the namespace of the socket, whatever the thread is in, and asks anew for each packet, since devices come, go
// and are renamed; it costs about as much as a clock.
func (s *socket) device(index uint32) string {
	if index == 0 {
		return ""
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return ""
	}
	request, err := unix.NewIfreq("")
	if err != nil {
		return ""
	}
	request.SetUint32(index)
	var ioctl error
	err = raw.Control(func(fd uintptr) { ioctl = unix.IoctlIfreq(int(fd), unix.SIOCGIFNAME, request) })
	if err != nil || ioctl != nil {
		return ""
	}
	return request.Name()
}

// parseMessage reads the attributes of one packet.
func parseMessage(data []byte) message {
	var m message
	err := func() error {
		if len(data) < genmsgLen {
			return fmt.Errorf("%d bytes", len(data))
		}
		ad, err := netlink.NewAttributeDecoder(data[genmsgLen:])
		if err != nil {
			return err
		}
		ad.ByteOrder = binary.BigEndian
		for ad.Next() {
			m.set(ad)
		}
		return ad.Err()
	}()
	if err != nil {
		return message{malformed: true}
	}
	return m
}

// set reads one attribute.
func (m *message) set(ad *netlink.AttributeDecoder) {
	switch ad.Type() {
	case attrMark:
		m.mark = ad.Uint32()
	case attrTimestamp: // struct nfulnl_msg_packet_timestamp: seconds, microseconds
		if b := ad.Bytes(); len(b) >= 16 {
			m.time = time.Unix(int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))*int64(time.Microsecond))
		}
	case attrIn:
		m.in = ad.Uint32()
	case attrOut:
		m.out = ad.Uint32()
	case attrHWAddr: // struct nfulnl_msg_packet_hw: length, padding, up to eight bytes
		if b := ad.Bytes(); len(b) >= 4+len(m.mac) && int(binary.BigEndian.Uint16(b)) == len(m.mac) {
			m.mac = MAC(b[4:])
		}
	case attrPayload:
		m.payload = ad.Bytes()
	case attrPrefix:
		m.prefix = ad.String()
	case attrSeq:
		m.seq = ad.Uint32()
	}
}

package nft

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// String is the helper as nft lists it in its table.
func (h Helper) String() string { return string(h.appendText(nil)) }

func (h Helper) appendText(b []byte) []byte {
	b = append(append(append(b, "\tct helper "...), h.Name...), " {\n\t\t"...)
	b = append(append(b, h.typeText()...), "\n\t\tl3proto "...)
	return append(append(b, h.family()...), "\n\t}\n"...)
}

func (h Helper) typeText() string {
	return "type \"" + h.Type + "\" protocol " + protoName(h.Protocol)
}

// protoName is how nft writes the protocol of a helper: it knows just two.
func protoName(protocol uint8) string {
	switch protocol {
	case protoTCP:
		return "tcp"
	case protoUDP:
		return "udp"
	}
	return "<unknown>"
}

// helperProtocols are the protocols that the kernel has a helper of a type for.
func helperProtocols(kind string) []uint8 {
	switch kind {
	case "ftp", "pptp", "Q.931":
		return []uint8{protoTCP}
	case "tftp", "RAS":
		return []uint8{protoUDP}
	case "sip":
		return []uint8{protoTCP, protoUDP}
	}
	return nil
}

// family is what the kernel tells of a helper that was asked for both: PPTP is of IPv4 alone.
func (h Helper) family() string {
	if h.Type == "pptp" {
		return "ip"
	}
	return "inet"
}

// What x/sys/unix lacks of nf_tables.h.
const (
	helperName     = 1 // NFTA_CT_HELPER_NAME
	helperProtocol = 3 // NFTA_CT_HELPER_L4PROTO
)

// addHelper leaves out the family, which makes it that of the table: both.
func (e *encoder) addHelper(op AddHelper) {
	if op.Helper.Protocol != protoTCP && op.Helper.Protocol != protoUDP {
		e.fail(fmt.Errorf("helper %q: protocol %d", op.Helper.Name, op.Helper.Protocol))
	}
	e.object(unix.NFT_MSG_NEWOBJ, unix.NLM_F_CREATE, op.Table, op.Helper.Name, unix.NFT_OBJECT_CT_HELPER)
	at := e.nest(unix.NFTA_OBJ_DATA)
	e.text(helperName, op.Helper.Type)
	e.bytes(helperProtocol, []byte{op.Helper.Protocol})
	e.close(at)
	e.end()
}

// decodeHelper reads NFT_MSG_NEWOBJ of a helper.
func decodeHelper(data []byte) (h Helper, err error) {
	err = decodeMessage(data, func(a *attributes) {
		switch a.kind {
		case unix.NFTA_OBJ_NAME:
			h.Name = a.text()
		case unix.NFTA_OBJ_DATA:
			a.nested(func(a *attributes) {
				switch a.kind {
				case helperName:
					h.Type = a.text()
				case helperProtocol:
					h.Protocol = a.uint8()
				}
			})
		}
	})
	return h, err
}

// helpers removes the helpers that are not wanted any more, and makes those that are
// missing. One that changes is both: the kernel does not change a helper.
func (p *plan) helpers() (gone, fresh []Op) {
	for _, h := range p.have.Helpers {
		if !slices.Contains(p.want.Helpers, h) {
			gone = append(gone, DeleteHelper{p.table, h.Name})
		}
	}
	for _, h := range p.want.Helpers {
		if !slices.Contains(p.have.Helpers, h) {
			fresh = append(fresh, AddHelper{p.table, h})
		}
	}
	return gone, fresh
}

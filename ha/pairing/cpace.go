package pairing

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/cloudflare/circl/group"
)

// This is CPace with the suite CPACE-P256_XMD:SHA-256_SSWU_NU_-SHA256 in its
// setting of an initiator and a responder, and the names are those of
// draft-irtf-cfrg-cpace. Of its suites it is one that the draft recommends and
// whose generator the library derives exactly so, as the vectors of the draft show.
//
// The library multiplies in constant time, and maps the generator with math/big,
// which does not. What that tells of a code is far from telling it, since
// all that ever can be measured of one are the ten exchanges that it lives for.
const dsi = "CPaceP256_XMD:SHA-256_SSWU_NU_"

const (
	pointLen  = 65 // uncompressed
	fieldLen  = 32
	sidLen    = 16
	pointForm = 4 // the first byte of an uncompressed point
)

var errPoint = errors.New("a share of the key is no point of the curve")

// appendLV is lv_cat: each part with its length in front, in LEB128.
func appendLV(b []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

// generatorString is generator_string. The zeros fill the first block of the hash.
func generatorString(prs, ci, sid []byte) []byte {
	before := len(appendLV(nil, []byte(dsi), prs))
	zeros := max(0, sha256.BlockSize-1-before)
	return appendLV(nil, []byte(dsi), prs, make([]byte, zeros), ci, sid)
}

// generator is calculate_generator.
func generator(prs, ci, sid []byte) group.Element {
	return group.P256.HashToElementNonUniform(generatorString(prs, ci, sid), []byte(dsi+"_DST"))
}

// share is what one end draws for one exchange.
type share struct {
	scalar group.Scalar
	point  []byte // the scalar times the generator, which goes to the other end
}

func newShare(generator group.Element, scalar group.Scalar) (share, error) {
	point, err := group.P256.NewElement().Mul(generator, scalar).MarshalBinary()
	return share{scalar: scalar, point: point}, err
}

// parsePoint reads the other end's share. A compressed one, or the neutral element, is none.
func parsePoint(b []byte) (group.Element, error) {
	p := group.P256.NewElement()
	if len(b) != pointLen || b[0] != pointForm || p.UnmarshalBinary(b) != nil || p.IsIdentity() {
		return nil, errPoint
	}
	return p, nil
}

// secret is scalar_mult_vfy: K, which is no key yet.
func (s share) secret(other []byte) ([]byte, error) {
	p, err := parsePoint(other)
	if err != nil {
		return nil, err
	}
	p.Mul(p, s.scalar)
	if p.IsIdentity() {
		return nil, errPoint
	}
	b, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return b[1 : 1+fieldLen], nil
}

// intermediate is ISK, of K and what both ends have said: ya and ada by the initiator.
func intermediate(sid, k, ya, ada, yb, adb []byte) []byte {
	b := appendLV(nil, []byte(dsi+"_ISK"), sid, k)
	b = appendLV(b, ya, ada)
	b = appendLV(b, yb, adb)
	sum := sha256.Sum256(b)
	return sum[:]
}

package groupmsg

import (
	"encoding/binary"
	"math/bits"
)

// XXH3 with 64 bits and seed 0, after the specification in https://github.com/Cyan4973/xxHash: Kafka hashes the topics of a group with it.

const (
	prime32x1 = 0x9E3779B1
	prime32x2 = 0x85EBCA77
	prime32x3 = 0xC2B2AE3D
	prime64x1 = 0x9E3779B185EBCA87
	prime64x2 = 0xC2B2AE3D27D4EB4F
	prime64x3 = 0x165667B19E3779F9
	prime64x4 = 0x85EBCA77C2B2AE63
	prime64x5 = 0x27D4EB2F165667C5
	primeMx1  = 0x165667919E3779F9
	primeMx2  = 0x9FB21C651E98DF25
)

// xxh3Secret is XXH3's default secret.
const xxh3Secret = "\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe\x7c\x01\x81\x2c\xf7\x21\xad\x1c\xde\xd4\x6d\xe9\x83\x90\x97\xdb" +
	"\x72\x40\xa4\xa4\xb7\xb3\x67\x1f\xcb\x79\xe6\x4e\xcc\xc0\xe5\x78\x82\x5a\xd0\x7d\xcc\xff\x72\x21" +
	"\xb8\x08\x46\x74\xf7\x43\x24\x8e\xe0\x35\x90\xe6\x81\x3a\x26\x4c\x3c\x28\x52\xbb\x91\xc3\x00\xcb" +
	"\x88\xd0\x65\x8b\x1b\x53\x2e\xa3\x71\x64\x48\x97\xa2\x0d\xf9\x4e\x38\x19\xef\x46\xa9\xde\xac\xd8" +
	"\xa8\xfa\x76\x3f\xe3\x9c\x34\x3f\xf9\xdc\xbb\xc7\xc7\x0b\x4f\x1d\x8a\x51\xe0\x4b\xcd\xb4\x59\x31" +
	"\xc8\x9f\x7e\xc9\xd9\x78\x73\x64\xea\xc5\xac\x83\x34\xd3\xeb\xc3\xc5\x81\xa0\xff\xfa\x13\x63\xeb" +
	"\x17\x0d\xdd\x51\xb7\xf0\xda\x49\xd3\x16\x55\x26\x29\xd4\x68\x9e\x2b\x16\xbe\x58\x7d\x47\xa1\xfc" +
	"\x8f\xf8\xb8\xd1\x7a\xd0\x31\xce\x45\xcb\x3a\x8f\x95\x16\x04\x28\xaf\xd7\xfb\xca\xbb\x4b\x40\x7e"

func secret64(at int) uint64 {
	s := xxh3Secret[at : at+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func avalanche(h uint64) uint64 {
	h ^= h >> 37
	h *= primeMx1
	return h ^ h>>32
}

func avalanche64(h uint64) uint64 {
	h ^= h >> 33
	h *= prime64x2
	h ^= h >> 29
	h *= prime64x3
	return h ^ h>>32
}

func xxh3(b []byte) uint64 {
	switch n := len(b); {
	case n <= 16:
		return xxh3Short(b)
	case n <= 128:
		return xxh3To128(b)
	case n <= 240:
		return xxh3To240(b)
	default:
		return xxh3Long(b)
	}
}

func xxh3Short(b []byte) uint64 {
	n := len(b)
	le := binary.LittleEndian
	switch {
	case n > 8:
		lo := le.Uint64(b) ^ secret64(24) ^ secret64(32)
		hi := le.Uint64(b[n-8:]) ^ secret64(40) ^ secret64(48)
		return avalanche(uint64(n) + bits.ReverseBytes64(lo) + hi + fold(lo, hi))
	case n >= 4:
		h := uint64(le.Uint32(b[n-4:])) + uint64(le.Uint32(b))<<32
		h ^= secret64(8) ^ secret64(16)
		h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
		h *= primeMx2
		h ^= h>>35 + uint64(n)
		h *= primeMx2
		return h ^ h>>28
	case n > 0:
		h := uint64(b[0])<<16 | uint64(b[n>>1])<<24 | uint64(b[n-1]) | uint64(n)<<8
		s := secret64(0)
		return avalanche64(h ^ (s&0xffffffff ^ s>>32))
	default:
		return avalanche64(secret64(56) ^ secret64(64))
	}
}

// mix16 mixes the 16 bytes at b with the secret.
func mix16(b []byte, at int) uint64 {
	return fold(binary.LittleEndian.Uint64(b)^secret64(at), binary.LittleEndian.Uint64(b[8:])^secret64(at+8))
}

func xxh3To128(b []byte) uint64 {
	n := len(b)
	h := uint64(n) * prime64x1
	for i := (n - 1) / 32; i >= 0; i-- {
		h += mix16(b[16*i:], 32*i) + mix16(b[n-16*(i+1):], 32*i+16)
	}
	return avalanche(h)
}

func xxh3To240(b []byte) uint64 {
	n := len(b)
	h := uint64(n) * prime64x1
	for i := range 8 {
		h += mix16(b[16*i:], 16*i)
	}
	h = avalanche(h)
	for i := 8; i < n/16; i++ {
		h += mix16(b[16*i:], 16*(i-8)+3)
	}
	return avalanche(h + mix16(b[n-16:], 136-17))
}

func xxh3Long(b []byte) uint64 {
	const stripe, block, secretLen = 64, 1024, len(xxh3Secret)
	acc := [8]uint64{prime32x3, prime64x1, prime64x2, prime64x3, prime64x4, prime32x2, prime64x5, prime32x1}
	add := func(b []byte, at int) {
		for i := range acc {
			data := binary.LittleEndian.Uint64(b[8*i:])
			key := data ^ secret64(at+8*i)
			acc[i^1] += data
			acc[i] += (key & 0xffffffff) * (key >> 32)
		}
	}
	n, rest := len(b), b
	for ; len(rest) > block; rest = rest[block:] {
		for i := range block / stripe {
			add(rest[stripe*i:], 8*i)
		}
		for i := range acc {
			acc[i] = (acc[i] ^ acc[i]>>47 ^ secret64(secretLen-stripe+8*i)) * prime32x1
		}
	}
	for i := range (len(rest) - 1) / stripe {
		add(rest[stripe*i:], 8*i)
	}
	add(b[n-stripe:], secretLen-stripe-7)
	h := uint64(n) * prime64x1
	for i := range 4 {
		h += fold(acc[2*i]^secret64(11+16*i), acc[2*i+1]^secret64(11+16*i+8))
	}
	return avalanche(h)
}

// Package interop runs real clients against the real binary; see README.md. Its tests have the build tag "interop".
package interop

// Package quota measures how much passes and tells when it is too much: the throttles of replication (KIP-73). It knows no partition and no
// request, imports nothing of Milena, and each of its types has one lock of its own, which is taken last.
package quota

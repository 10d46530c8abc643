package commitlog

import (
	"errors"
	"fmt"

	"milena/internal/segment"
)

// Expected refusals. api maps them to Kafka's codes of the same names.
var (
	ErrOffsetOutOfRange     = errors.New("commitlog: offset out of range")            // OFFSET_OUT_OF_RANGE
	ErrOutOfOrderSequence   = errors.New("commitlog: out of order sequence number")   // OUT_OF_ORDER_SEQUENCE_NUMBER
	ErrInvalidProducerEpoch = errors.New("commitlog: producer epoch is old")          // INVALID_PRODUCER_EPOCH
	ErrInvalidTxnState      = errors.New("commitlog: invalid transaction state")      // INVALID_TXN_STATE
	ErrCoordinatorFenced    = errors.New("commitlog: coordinator epoch is old")       // TRANSACTION_COORDINATOR_FENCED
	ErrRecordListTooLarge   = errors.New("commitlog: batch is larger than a segment") // RECORD_LIST_TOO_LARGE
	ErrUnexpectedOffset     = errors.New("commitlog: offset does not follow the log's end")
	ErrOffsetsOutOfOrder    = errors.New("commitlog: offsets of the batches are out of order")
	ErrNoSpace              = errors.New("commitlog: no space left for an append; reads are served") // KAFKA_STORAGE_ERROR
	ErrStorage              = errors.New("commitlog: log directory failed")                          // KAFKA_STORAGE_ERROR
)

// failed marks the log as failed, tells its directory once, and gives the error to return: ErrStorage with its cause.
func (l *Log) fail(doing string, cause error) error {
	err := fmt.Errorf("%w: %s: %w", ErrStorage, doing, cause)
	if l.failure.CompareAndSwap(nil, &err) && l.env.Failed != nil {
		l.env.Failed(err)
	}
	return err
}

// writeFailed sorts a failed write: a full volume refuses the append and leaves the log as it is; all else fails the log.
func (l *Log) writeFailed(doing string, err error) error {
	var undo *segment.UndoError
	if segment.IsFull(err) && !errors.As(err, &undo) {
		return fmt.Errorf("%w: %s: %w", ErrNoSpace, doing, err)
	}
	return l.fail(doing, err)
}

// usable is nil, or the failure after which nothing more is done.
func (l *Log) usable() error {
	if err := l.failure.Load(); err != nil {
		return *err
	}
	if l.closed.Load() {
		return errClosed
	}
	return nil
}

var errClosed = fmt.Errorf("%w: log is closed", ErrStorage)

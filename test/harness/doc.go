// Package harness runs harness.sh, which uses Kafka's scripts as harnesses do, on the home that `milena links` makes.
package harness

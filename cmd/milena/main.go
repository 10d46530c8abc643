// Command milena is Kafka in one binary: the broker and all of Kafka's tools. Which one it is, its name or its first
// argument says; see internal/cli.
package main

import (
	"os"

	"milena/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args)) }

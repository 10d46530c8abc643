// Command fetch brings the jars of a version of Apache Kafka to this machine and prints their class path. Usage: fetch VERSION.
package main

import (
	"context"
	"fmt"
	"os"

	"milena/test/kafka"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: fetch VERSION")
		os.Exit(2)
	}
	classPath, err := kafka.Fetch(context.Background(), os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
	fmt.Println(classPath)
}

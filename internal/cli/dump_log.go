package cli

import "context"

const dumpLogExamples = ""

func dumpLogOptions() *Options { panic("unwritten") }

func runDumpLog(ctx context.Context, env *Env, args []string) error { panic("unwritten") }

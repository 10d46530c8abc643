package cli

import "context"

const serverExamples = ""

func runServer(ctx context.Context, env *Env, args []string) error { panic("unwritten") }

func serverStopOptions() *Options { panic("unwritten") }

func runServerStop(ctx context.Context, env *Env, args []string) error { panic("unwritten") }

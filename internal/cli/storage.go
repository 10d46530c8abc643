package cli

import "context"

const storageExamples = ""

func runStorage(ctx context.Context, env *Env, args []string) error { panic("unwritten") }

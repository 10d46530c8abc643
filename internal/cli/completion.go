package cli

import "context"

const completionExamples = ""

func runCompletion(ctx context.Context, env *Env, args []string) error { panic("unwritten") }

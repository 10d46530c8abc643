package cli

import "context"

const linksExamples = ""

func runLinks(ctx context.Context, env *Env, args []string) error { panic("unwritten") }

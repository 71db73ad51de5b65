//go:build tools

// Package tools names what the bootstrap builds, so that go.mod and go.sum hold everything it needs.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"

// The docker-build plugin, with the BuildKit that is inside the Docker engine as a builder.
//
// The plugin as released knows BuildKit in a container, in Kubernetes or behind an address. All of
// them need an image or a daemon that a machine without a container registry does not have.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/docker/buildx/driver"
	_ "github.com/docker/buildx/driver/docker"
	"github.com/pulumi/pulumi-docker-build/provider"
)

// factory makes the same drivers as buildx's own "docker" factory, which it replaces.
type factory struct{ driver.Factory }

func (f factory) New(ctx context.Context, cfg driver.InitConfig) (driver.Driver, error) {
	d, err := f.Factory.New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return embedded{d}, nil
}

// embedded reports a version that the plugin can read: for engines before 23 buildx says
// "v0.8+unknown", which is no semantic version, and the plugin gives up.
type embedded struct{ driver.Driver }

func (e embedded) Version(ctx context.Context) (string, error) {
	version, err := e.Driver.Version(ctx)
	base, found := strings.CutSuffix(version, "+unknown")
	if found && strings.Count(base, ".") == 1 {
		return base + ".0", err
	}
	return version, err
}

func main() {
	f, err := driver.GetFactory("docker", false)
	if err == nil {
		driver.Register(factory{f})
		err = provider.Serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

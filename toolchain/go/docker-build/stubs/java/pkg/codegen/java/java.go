// Package java stands in for a code generator that the plugin uses only to describe its schema,
// and that is no Go module.
package java

// PackageInfo describes the Java package of a schema.
type PackageInfo struct {
	BuildFiles                      string
	GradleNexusPublishPluginVersion string
	Dependencies                    map[string]string
}

// Package codegen stands in for a code generator that the plugin uses only to describe its schema,
// and that is no Go module.
package codegen

// CSharpPackageInfo describes the .NET package of a schema.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool
	PackageReferences    map[string]string
}

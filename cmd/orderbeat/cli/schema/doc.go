// Package schema has the command that prints the JSON Schemas and the AsyncAPI document.
package schema

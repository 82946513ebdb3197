//go:build !linux

package main

import (
	"errors"
	"os"
)

// exchange swaps the names of two folders. It needs several steps, unlike the version for Linux: for a moment, no folder has the
// path `first`.
func exchange(first, second string) error {
	aside := second + "-old"
	if err := os.Rename(first, aside); err != nil {
		return err
	}
	if err := os.Rename(second, first); err != nil {
		return errors.Join(err, os.Rename(aside, first))
	}
	return os.Rename(aside, second)
}

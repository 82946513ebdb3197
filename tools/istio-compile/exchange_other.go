//go:build !linux

package main

import (
	"errors"
	"os"
)

// exchange swaps the names of two folders. For a moment there is no folder with the first name.
func exchange(one, other string) error {
	aside := other + "-old"
	if err := os.Rename(one, aside); err != nil {
		return err
	}
	if err := os.Rename(other, one); err != nil {
		return errors.Join(err, os.Rename(aside, one))
	}
	return os.Rename(aside, other)
}

package main

import "golang.org/x/sys/unix"

// exchange swaps the names of two folders in one step, so that each of the two names leads to a folder at any time.
func exchange(first, second string) error {
	return unix.Renameat2(unix.AT_FDCWD, first, unix.AT_FDCWD, second, unix.RENAME_EXCHANGE)
}

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// grace is how long a process may take to end after SIGTERM, and after SIGKILL.
const grace = 2 * time.Second

// fileID is what tells one namespace from another.
type fileID struct{ dev, ino uint64 }

func idOf(info os.FileInfo) fileID {
	st := info.Sys().(*syscall.Stat_t)
	return fileID{st.Dev, st.Ino}
}

// evict ends all processes whose main thread is in one of the namespaces: SIGTERM, then SIGKILL.
// They are found by where they are, so one that has made itself a daemon does not escape. The files
// keep the namespaces from ending, hence their numbers from meaning another.
func evict(files []*os.File) error {
	homes := make(map[fileID]bool)
	for _, f := range files {
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("end processes: %w", err)
		}
		homes[idOf(info)] = true
	}
	start := time.Now()
	told := make(map[int]bool)
	for {
		left := inhabitants(homes)
		waited := time.Since(start)
		switch {
		case len(left) == 0:
			return nil
		case waited > 2*grace:
			return fmt.Errorf("end processes: still running: %v", left)
		}
		for _, pid := range left {
			switch {
			case waited > grace:
				send(pid, syscall.SIGKILL, homes)
			case !told[pid]:
				told[pid] = true
				send(pid, syscall.SIGTERM, homes)
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// inhabitants lists the processes, but for this one, that are in the namespaces.
func inhabitants(homes map[fileID]bool) []int {
	// Procs come and go: what cannot be read has just gone.
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid != os.Getpid() && livesIn(pid, homes) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func livesIn(pid int, homes map[fileID]bool) bool {
	info, err := os.Stat(fmt.Sprintf("/proc/%d/ns/net", pid))
	return err == nil && homes[idOf(info)]
}

// send signals a process if it is in one of the namespaces.
func send(pid int, sig os.Signal, homes map[fileID]bool) {
	p, err := os.FindProcess(pid)
	if err != nil {
		return // gone
	}
	// FindProcess holds the process, not its number: seen here now, it is the one signalled.
	if livesIn(pid, homes) {
		_ = p.Signal(sig) // gone meanwhile, or still there for the next round
	}
	_ = p.Release()
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const limit = 10 * time.Second

// server is one process under test with a folder of its own.
type server struct {
	dir    string
	port   int
	log    bytes.Buffer
	cmd    *exec.Cmd
	exited chan error
}

func (s *server) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.port) }

func startServer(binary string, port int, config string) (*server, error) {
	dir, err := os.MkdirTemp("", "clients-go-")
	if err != nil {
		return nil, err
	}
	args := []string{"-a", "127.0.0.1", "-p", strconv.Itoa(port), "--ports_file_dir", dir}
	if config != "" {
		path := filepath.Join(dir, "server.conf")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "-c", path)
	}
	s := &server{dir: dir, cmd: exec.Command(binary, args...), exited: make(chan error, 1)}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.exited <- s.cmd.Wait() }()
	if err := s.readPorts(); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

func (s *server) readPorts() error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		names, _ := filepath.Glob(filepath.Join(s.dir, fmt.Sprintf("*_%d.ports", s.cmd.Process.Pid)))
		if len(names) == 0 {
			continue
		}
		text, err := os.ReadFile(names[0])
		if err != nil {
			return err
		}
		var ports struct{ Nats []string }
		if json.Unmarshal(text, &ports) != nil || len(ports.Nats) == 0 {
			continue // being written
		}
		url := ports.Nats[0]
		s.port, err = strconv.Atoi(url[strings.LastIndex(url, ":")+1:])
		return err
	}
	return fmt.Errorf("no ports file\n%s", s.log.String())
}

func (s *server) signal(sig os.Signal) error { return s.cmd.Process.Signal(sig) }

// wait returns how the process ended, nil for a clean end.
func (s *server) wait() error {
	select {
	case err := <-s.exited:
		s.exited <- err
		return err
	case <-time.After(limit):
		return fmt.Errorf("the server still runs")
	}
}

// stop ends the server, which must have lived until now.
func (s *server) stop() error {
	defer s.kill()
	select {
	case err := <-s.exited:
		s.exited <- err
		return fmt.Errorf("the server died: %v\n%s", err, s.log.String())
	default:
	}
	if err := s.signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.wait()
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = os.RemoveAll(s.dir)
}

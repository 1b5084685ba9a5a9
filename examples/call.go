// A call with a key, and the right way to wait: go run call.go
//
// KEYWARD_URL is the API's address, KEYWARD_KEY the key; KEYWARD_MAX_WAIT says how many seconds to wait in all (120).
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const mostTries = 5

var client = &http.Client{
	Timeout: 30 * time.Second,
	// A redirect would take the key to another server.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func main() {
	url, key := os.Getenv("KEYWARD_URL"), os.Getenv("KEYWARD_KEY")
	if url == "" || key == "" {
		fmt.Fprintln(os.Stderr, "KEYWARD_URL and KEYWARD_KEY are not set: the API's address and your key")
		os.Exit(2)
	}
	leftToWait := 120
	if text := os.Getenv("KEYWARD_MAX_WAIT"); text != "" {
		leftToWait, _ = strconv.Atoi(text)
	}
	if err := callUntilAnswered(strings.TrimRight(url, "/")+"/api/123/resource", key, leftToWait); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func callUntilAnswered(url, key string, leftToWait int) error {
	for tries := 1; ; tries++ {
		response, body, err := call(url, key)
		if err != nil {
			return err
		}
		if response.StatusCode/100 == 2 {
			fmt.Println(response.StatusCode, body)
			if remaining := response.Header.Get("X-RateLimit-Remaining"); remaining != "" {
				fmt.Println(remaining, "requests left until", response.Header.Get("X-RateLimit-Reset"))
			}
			return nil
		}

		refused := fmt.Errorf("%d %s", response.StatusCode, problem(body))
		seconds, again := pause(response)
		if !again || tries == mostTries {
			return refused
		}
		if seconds > leftToWait {
			return fmt.Errorf("%w\ngiving up: another try makes sense in %d s", refused, seconds)
		}
		leftToWait -= seconds
		fmt.Fprintf(os.Stderr, "%v\nwaiting %d s\n", refused, seconds)
		// Up to a second more, so that not all clients come back in the same instant.
		time.Sleep(time.Duration((float64(seconds) + rand.Float64()) * float64(time.Second)))
	}
}

func call(url, key string) (*http.Response, string, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("X-API-KEY", key)
	response, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// pause tells in how many seconds another try makes sense, and whether one does.
func pause(response *http.Response) (int, bool) {
	status := response.StatusCode
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0, false // Another try changes nothing about the key, the site or the address.
	}
	if after, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 31); err == nil {
		return int(after), true
	}
	reset, err := strconv.ParseInt(response.Header.Get("X-RateLimit-Reset"), 10, 64)
	if status != http.StatusTooManyRequests || err != nil {
		return 0, false
	}
	left := reset - time.Now().Unix()
	if left < 1 {
		left = 1
	}
	return int(left), true
}

// problem is what a problem document says; another body as it is.
func problem(body string) string {
	var document struct{ Code, Detail string }
	if json.Unmarshal([]byte(body), &document) != nil || document.Code == "" {
		return body
	}
	return document.Code + ": " + document.Detail
}

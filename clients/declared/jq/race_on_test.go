//go:build race

package declared

const raceDetector = true

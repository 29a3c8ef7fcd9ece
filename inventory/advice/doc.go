// Package advice is what to do about a device, guessed from nothing but the row that the inventory has of it: the maker
// of its network card, its names, what it says of itself, its TLS hello.
//
// All that it knows stands in tables beside the code, a row with its source for each fact: stacks.csv (hellos of real
// programs, measured by the tests), categories.csv (what the signs of a device count for), platforms.csv (what a
// platform can do) and sentences.csv (what to tell). A platform more is a row more.
//
// It guesses and advises; it decides nothing. People overrule it, and no session depends on it.
//
// Fingerprints are JA3 (https://github.com/salesforce/ja3) and JA4 (https://github.com/FoxIO-LLC/ja4).
package advice

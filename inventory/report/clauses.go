package report

// Clauses returns the clauses of HIPAA, PCI DSS and SOC 2 that ask for strong encryption in transit, or for knowing
// where it is missing, in our words. Which of them bind an owner is for the owner to say.
func Clauses() []Clause {
	const (
		hipaa = "HIPAA Security Rule"
		pci   = "PCI DSS 4.0.1"
		soc   = "SOC 2 (Trust Services Criteria 2017)"

		hipaaURL = "https://www.ecfr.gov/current/title-45/section-164.312"
		pciURL   = "https://www.pcisecuritystandards.org/document_library/"
		socURL   = "https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022"
	)
	return []Clause{
		{hipaa, "45 CFR 164.312(e)(1)", "Transmission security",
			"Guard electronic health information against access by others while it crosses a network.", hipaaURL},
		{hipaa, "45 CFR 164.312(e)(2)(ii)", "Encryption (addressable)",
			"Encrypt electronic health information in transit where that is appropriate; where it is not done, the reason is to be on record.", hipaaURL},
		{pci, "4.2.1", "Strong cryptography in transit",
			"Card numbers that cross open, public networks are protected by strong cryptography and secure versions of protocols. SSL and early TLS are neither.", pciURL},
		{pci, "12.3.3", "Inventory of cipher suites and protocols",
			"Keep an up-to-date inventory of the cipher suites and protocols in use, with purpose and place; review it once a year at least; have a plan for those that become weak.", pciURL},
		{soc, "CC6.7", "Protection of information in transmission",
			"Information that is sent or moved is protected on its way, by encryption or secure channels, and only those who may send it do.", socURL},
		{soc, "CC6.1", "Logical access",
			"Information assets are inventoried, and access to them is restricted by security software and encryption.", socURL},
	}
}

package report

// Clauses returns the rules for which an auditor may want the record, in the order of a report. What the record shows is
// evidence of what devices did at the bridge; whether a rule is met, or applies, is the auditor's to say.
func Clauses() []Clause {
	const (
		cfr308 = "https://www.law.cornell.edu/cfr/text/45/164.308"
		cfr312 = "https://www.govinfo.gov/content/pkg/CFR-2019-title45-vol2/xml/CFR-2019-title45-vol2-sec164-312.xml"
		pci    = "https://www.pcisecuritystandards.org/document_library/"
		tsc    = "https://www.aicpa-cima.com/resources/download/get-the-2017-trust-services-criteria"
		nist   = "https://doi.org/10.6028/NIST.SP.800-52r2"
	)
	return []Clause{
		{"HIPAA", "45 CFR 164.312(e)(1)", "Transmission security",
			"The record lists each device with the TLS version and cipher suite of its sessions with the bridge, since when and until when, " +
				"and what the bridge used onwards to the mail service.", cfr312},
		{"HIPAA", "45 CFR 164.312(e)(2)(ii)", "Encryption (addressable)",
			"The record shows which devices transmitted with TLS 1.2 or newer, which with less, and which were refused because they used no TLS.",
			cfr312},
		{"HIPAA", "45 CFR 164.308(a)(1)(ii)(A)", "Risk analysis (required)",
			"The inventory names the devices with weak encryption or password logins, their owner and how often they were seen: input to a " +
				"risk analysis, not the analysis.", cfr308},
		{"HIPAA", "45 CFR 164.308(a)(1)(ii)(B)", "Risk management (required)",
			"The inventory shows for each such device the stage, the deadline, the owner and the next step that were set, and every change of " +
				"them with time and author.", cfr308},
		{"PCI DSS v4.0.1", "4.2.1", "Strong cryptography during transmission over open, public networks",
			"The record shows TLS version and suite of both legs: the one to the mail service, which crosses public networks, is TLS 1.2 or " +
				"newer with a verified certificate; the one to the device is as listed.", pci},
		{"PCI DSS v4.0.1", "12.3.3", "Cryptographic cipher suites and protocols in use are documented and reviewed",
			"The inventory is a current list of the TLS versions and cipher suites in use at the bridge, with where and until when each is to " +
				"be used.", pci},
		{"SOC 2 (TSC 2017)", "CC6.1", "Logical access security",
			"The record shows for each session which login opened which mailbox, by which mechanism and from where, and the logins that were " +
				"refused.", tsc},
		{"SOC 2 (TSC 2017)", "CC6.7", "Transmission, movement and removal of information",
			"The record shows how mail was protected on its way between each device and the mail service, and which devices are still exceptions.",
			tsc},
		{"SOC 2 (TSC 2017)", "CC7.1", "Detection and monitoring of configurations and vulnerabilities",
			"The inventory shows devices that appear, change their encryption or fall silent, as their sessions show it from day to day.", tsc},
		{"NIST SP 800-52 Rev. 2", "sections 3.1 and 4.1", "Protocol version support of servers and clients",
			"The record shows which devices offer TLS 1.2 or 1.3, as this guideline asks of government systems, and which offer less.", nist},
	}
}

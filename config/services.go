package config

import (
	"cmp"
	"slices"
)

// service is a well-known name of a port. Of several names for one port the one
// that is not also is printed.
type service struct {
	name string
	port uint16
	also bool
}

// services is sorted by name: IANA's names as distributions ship them, and a few
// that people use for what they run.
var services = [...]service{
	{"acr-nema", 104, false}, {"afpovertcp", 548, false}, {"afs3-bos", 7007, false},
	{"afs3-callback", 7001, false}, {"afs3-fileserver", 7000, true}, {"afs3-kaserver", 7004, false},
	{"afs3-prserver", 7002, false}, {"afs3-rmtsys", 7009, false}, {"afs3-update", 7008, false},
	{"afs3-vlserver", 7003, false}, {"afs3-volser", 7005, false}, {"amanda", 10080, false},
	{"amandaidx", 10082, false}, {"amidxtape", 10083, false}, {"amqp", 5672, false}, {"amqps", 5671, false},
	{"asf-rmcp", 623, false}, {"asp", 27374, false}, {"auth", 113, false}, {"authentication", 113, true},
	{"babel", 6696, false}, {"bacula-dir", 9101, false}, {"bacula-fd", 9102, false}, {"bacula-sd", 9103, false},
	{"bbs", 7000, false}, {"bgp", 179, false}, {"bgpd", 2605, false}, {"biff", 512, true},
	{"binkp", 24554, false}, {"bootpc", 68, false}, {"bootps", 67, false}, {"canna", 5680, false},
	{"cfengine", 5308, false}, {"chargen", 19, false}, {"cifs", 445, true}, {"cisco-sccp", 2000, false},
	{"clc-build-daemon", 8990, false}, {"clearcase", 371, false}, {"cmd", 514, true}, {"cmip-agent", 164, false},
	{"cmip-man", 163, false}, {"codaauth2", 370, false}, {"codasrv", 2432, false}, {"codasrv-se", 2433, false},
	{"comsat", 512, true}, {"csync2", 30865, false}, {"cvspserver", 2401, false}, {"daap", 3689, false},
	{"datametrics", 1645, false}, {"daytime", 13, false}, {"db-lsp", 17500, false}, {"dcap", 22125, false},
	{"dhcpv6-client", 546, false}, {"dhcpv6-server", 547, false}, {"dicom", 11112, false}, {"dict", 2628, false},
	{"dircproxy", 57000, false}, {"discard", 9, false}, {"distcc", 3632, false}, {"dns", 53, true},
	{"dns-over-tls", 853, true}, {"docker", 2375, false}, {"docker-s", 2376, false}, {"domain", 53, false},
	{"domain-s", 853, false}, {"echo", 7, false}, {"elasticsearch", 9200, false}, {"epmap", 135, false},
	{"epmd", 4369, false}, {"exec", 512, false}, {"f5-globalsite", 2792, false}, {"f5-iquery", 4353, false},
	{"fax", 4557, false}, {"fido", 60179, false}, {"finger", 79, false}, {"font-service", 7100, false},
	{"freeciv", 5556, false}, {"fsp", 21, true}, {"fspd", 21, true}, {"ftp", 21, false}, {"ftp-data", 20, false},
	{"ftps", 990, false}, {"ftps-data", 989, false}, {"gdomap", 538, false}, {"gds-db", 3050, false},
	{"gds_db", 3050, true}, {"git", 9418, false}, {"global-catalog", 3268, true}, {"gnunet", 2086, false},
	{"gnutella-rtr", 6347, false}, {"gnutella-svc", 6346, false}, {"gopher", 70, false}, {"gpsd", 2947, false},
	{"gris", 2135, false}, {"groupwise", 1677, false}, {"gsidcap", 22128, false}, {"gsiftp", 2811, false},
	{"gsigatekeeper", 2119, false}, {"hkp", 11371, false}, {"hprop", 754, true}, {"http", 80, false},
	{"http-alt", 8080, false}, {"https", 443, false}, {"https-alt", 8443, false}, {"hylafax", 4559, false},
	{"iax", 4569, false}, {"icp", 3130, true}, {"icpv2", 3130, false}, {"ident", 113, true}, {"ike", 500, true},
	{"imap", 143, false}, {"imap2", 143, true}, {"imaps", 993, false}, {"ingreslock", 1524, false},
	{"ipp", 631, false}, {"iprop", 2121, false}, {"ipsec-ike", 500, true}, {"ipsec-nat-t", 4500, false},
	{"ipx", 213, false}, {"ircd", 6667, false}, {"ircs-u", 6697, false}, {"isakmp", 500, false},
	{"iscsi-target", 3260, false}, {"isisd", 2608, false}, {"isns", 3205, false}, {"iso-tsap", 102, false},
	{"jabber-client", 5222, true}, {"jabber-server", 5269, true}, {"jetdirect", 9100, false},
	{"kamanda", 10081, false}, {"kdc", 750, true}, {"kerberos", 88, false}, {"kerberos-adm", 749, false},
	{"kerberos-iv", 750, true}, {"kerberos-master", 751, false}, {"kerberos-sec", 88, true},
	{"kerberos4", 750, false}, {"kerberos5", 88, true}, {"kerberos_master", 751, true}, {"kermit", 1649, false},
	{"klogin", 543, false}, {"kpasswd", 464, false}, {"krb-prop", 754, false}, {"krb5", 88, true},
	{"krb5_prop", 754, true}, {"krb_prop", 754, true}, {"krcmd", 544, true}, {"kshell", 544, false},
	{"l2f", 1701, false}, {"l2tp", 1701, true}, {"ldap", 389, false}, {"ldaps", 636, false}, {"ldp", 646, false},
	{"llmnr", 5355, false}, {"loc-srv", 135, true}, {"login", 513, false}, {"lotusnote", 1352, false},
	{"lotusnotes", 1352, true}, {"lpd", 515, true}, {"lrrd", 4949, true}, {"mail", 25, true},
	{"mailq", 174, false}, {"matrix", 8448, false}, {"mdns", 5353, false}, {"memcache", 11211, false},
	{"microsoft-ds", 445, false}, {"moira-db", 775, false}, {"moira-update", 777, false},
	{"moira-ureg", 779, false}, {"moira_db", 775, true}, {"moira_update", 777, true}, {"moira_ureg", 779, true},
	{"mon", 2583, false}, {"mongodb", 27017, false}, {"mqtt", 1883, false}, {"ms-sql", 1433, true},
	{"ms-sql-m", 1434, false}, {"ms-sql-s", 1433, false}, {"ms-wbt-server", 3389, false},
	{"msft-gcs", 3268, false}, {"msft-gcs-ssl", 3269, false}, {"mtn", 4691, false}, {"munin", 4949, false},
	{"mysql", 3306, false}, {"mysql-proxy", 6446, false}, {"nbd", 10809, false}, {"netbios-dgm", 138, false},
	{"netbios-ns", 137, false}, {"netbios-ssn", 139, false}, {"netconf", 830, false}, {"netstat", 15, false},
	{"nfs", 2049, false}, {"nicname", 43, true}, {"nntp", 119, false}, {"nntps", 563, false},
	{"nqs", 607, false}, {"nrpe", 5666, false}, {"nsca", 5667, false}, {"ntalk", 518, false},
	{"ntp", 123, false}, {"ntske", 4460, false}, {"null", 9, true}, {"nut", 3493, false},
	{"old-radacct", 1646, true}, {"old-radius", 1645, true}, {"omniorb", 8088, false}, {"openvpn", 1194, false},
	{"oracle", 1521, false}, {"ospf6d", 2606, false}, {"ospfapi", 2607, false}, {"ospfd", 2604, false},
	{"passwd-server", 752, false}, {"passwd_server", 752, true}, {"pawserv", 345, false},
	{"pdl-datastream", 9100, true}, {"pop-3", 110, true}, {"pop3", 110, false}, {"pop3s", 995, false},
	{"poppassd", 106, false}, {"portmapper", 111, true}, {"postgres", 5432, true}, {"postgresql", 5432, false},
	{"pptp", 1723, false}, {"predict", 1210, false}, {"printer", 515, false}, {"prometheus", 9090, false},
	{"proofd", 1093, false}, {"ptp-event", 319, false}, {"ptp-general", 320, false}, {"puppet", 8140, false},
	{"qmqp", 628, false}, {"qmtp", 209, false}, {"qotd", 17, false}, {"quote", 17, true},
	{"radacct", 1813, true}, {"radius", 1812, false}, {"radius-acct", 1813, false}, {"radmin-port", 4899, false},
	{"rdp", 3389, true}, {"readnews", 119, true}, {"redis", 6379, false}, {"remctl", 4373, false},
	{"ripd", 2602, false}, {"ripngd", 2603, false}, {"rmiregistry", 1099, false}, {"rmtcfg", 1236, false},
	{"rootd", 1094, false}, {"route", 520, false}, {"routed", 520, true}, {"router", 520, true},
	{"rpc2portmap", 369, false}, {"rplay", 5555, false}, {"rptp", 5556, true}, {"rsync", 873, false},
	{"rtcm-sc104", 2101, false}, {"rtcp", 5005, false}, {"rtmp", 1935, false}, {"rtp", 5004, false},
	{"rtsp", 554, false}, {"sa-msg-port", 1646, false}, {"saft", 487, false}, {"sane", 6566, true},
	{"sane-port", 6566, false}, {"saned", 6566, true}, {"secure-mqtt", 8883, false}, {"sge-execd", 6445, false},
	{"sge-qmaster", 6444, false}, {"sge_execd", 6445, true}, {"sge_qmaster", 6444, true},
	{"sgi-cad", 17004, false}, {"sgi-cmsd", 17001, false}, {"sgi-crsd", 17002, false}, {"sgi-gcd", 17003, false},
	{"shell", 514, false}, {"sieve", 4190, false}, {"silc", 706, false}, {"sink", 9, true}, {"sip", 5060, false},
	{"sip-tls", 5061, false}, {"skkserv", 1178, false}, {"smb", 445, true}, {"smtp", 25, false},
	{"smtps", 465, true}, {"smux", 199, false}, {"snmp", 161, false}, {"snmp-trap", 162, false},
	{"snmptrap", 162, true}, {"snntp", 563, true}, {"snpp", 444, false}, {"socks", 1080, false},
	{"source", 19, true}, {"spamd", 783, false}, {"spooler", 515, true}, {"ssdp", 1900, false},
	{"ssh", 22, false}, {"ssmtp", 465, true}, {"stun", 3478, false}, {"stuns", 5349, false},
	{"submission", 587, false}, {"submissions", 465, false}, {"subversion", 3690, true}, {"sunrpc", 111, false},
	{"supfiledbg", 1127, false}, {"supfilesrv", 871, false}, {"suucp", 4031, false}, {"svn", 3690, false},
	{"svrloc", 427, false}, {"syslog", 514, true}, {"syslog-tls", 6514, false}, {"sysrqd", 4094, false},
	{"systat", 11, false}, {"tacacs", 49, false}, {"talk", 517, false}, {"tap", 113, true}, {"tcpmux", 1, false},
	{"telnet", 23, false}, {"telnets", 992, false}, {"tfido", 60177, false}, {"tftp", 69, false},
	{"time", 37, false}, {"timserver", 37, true}, {"tinc", 655, false}, {"tproxy", 8081, false},
	{"tsap", 102, true}, {"ttytst", 19, true}, {"turn", 3478, true}, {"turns", 5349, true}, {"untp", 119, true},
	{"urd", 465, true}, {"users", 11, true}, {"uucp", 540, false}, {"uucpd", 540, true}, {"venus", 2430, false},
	{"venus-se", 2431, false}, {"vnc", 5900, false}, {"wais", 210, true}, {"webcache", 8080, true},
	{"webmin", 10000, false}, {"who", 513, true}, {"whod", 513, true}, {"whois", 43, false},
	{"winrm-http", 5985, false}, {"winrm-https", 5986, false}, {"wireguard", 51820, false},
	{"wnn6", 22273, false}, {"ws-discovery", 3702, false}, {"www", 80, true}, {"x11", 6000, false},
	{"x11-0", 6000, true}, {"x11-1", 6001, false}, {"x11-2", 6002, false}, {"x11-3", 6003, false},
	{"x11-4", 6004, false}, {"x11-5", 6005, false}, {"x11-6", 6006, false}, {"x11-7", 6007, false},
	{"xdmcp", 177, false}, {"xfs", 7100, true}, {"xinetd", 9098, false}, {"xmms2", 9667, false},
	{"xmpp-client", 5222, false}, {"xmpp-server", 5269, false}, {"xtel", 1313, false}, {"xtelw", 1314, false},
	{"z3950", 210, false}, {"zabbix-agent", 10050, false}, {"zabbix-trapper", 10051, false},
	{"zebra", 2601, false}, {"zebrasrv", 2600, false}, {"zephyr-clt", 2103, false}, {"zephyr-hm", 2104, false},
	{"zephyr-srv", 2102, false}, {"zope", 9673, false}, {"zope-ftp", 8021, false}, {"zserv", 346, false},
}

// ServicePort is the port that a service has by its name.
func ServicePort(name string) (port uint16, ok bool) {
	i, ok := slices.BinarySearchFunc(services[:], name, func(s service, name string) int {
		return cmp.Compare(s.name, name)
	})
	if !ok {
		return 0, false
	}
	return services[i].port, true
}

// ServiceName is the well-known name of a port.
func ServiceName(port uint16) (name string, ok bool) {
	for _, s := range services {
		if s.port == port && !s.also {
			return s.name, true
		}
	}
	return "", false
}

func serviceNames() []string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.name
	}
	return names
}

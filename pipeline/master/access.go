package master

import (
	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/access/policy"
)

// compiler reads restriction lists for a service.
func (g *generation) compiler(c *conf.Config, log *maillog.Service) *access.Compiler {
	k := &access.Compiler{
		Classes:   map[string][]string{},
		Anonymous: !c.Bool("smtpd_tls_ask_ccert") && !c.Bool("smtpd_tls_req_ccert"),
		Parents:   c.Subdomains("smtpd_access_maps") == domainlist.Parents,
		Open:      func(spec string) (access.Table, error) { return table.Open(spec, g.tableOptions(c)) },
		Policy: func(spec string) (access.PolicyService, error) {
			client, err := policy.New(spec, policyOptions(c, log))
			if err != nil {
				return nil, err
			}
			g.onClose(client.Close)
			return client, nil
		},
	}
	for _, name := range c.List("smtpd_restriction_classes") {
		if raw, _, set := c.Lookup(name); set {
			value, err := c.Expand(raw)
			if err != nil {
				log.Warning("smtpd_restriction_classes: " + name + ": " + err.Error())
				continue
			}
			k.Classes[name] = list.Split(value)
		}
	}
	return k
}

// policyOptions are the parameters of policy services.
func policyOptions(c *conf.Config, log *maillog.Service) policy.Options {
	const p = "smtpd_policy_service_"
	return policy.Options{
		Stress:  c.String("stress"),
		Timeout: c.Duration(p + "timeout"), MaxIdle: c.Duration(p + "max_idle"), MaxTTL: c.Duration(p + "max_ttl"),
		RequestLimit: c.Int(p + "request_limit"), TryLimit: c.Int(p + "try_limit"), RetryDelay: c.Duration(p + "retry_delay"),
		DefaultAction: c.String(p + "default_action"), Context: c.String(p + "policy_context"),
		Directory: c.String("queue_directory"), Version: c.String("mail_version"), Compatibility: c.String("compatibility_level"),
		Warn: log.Warning,
	}
}

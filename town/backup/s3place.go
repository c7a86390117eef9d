package backup

import (
	"net"
	"net/url"
	"regexp"
	"strings"

	"gastown/town"
)

// s3Scheme begins the address of a bucket, and defaultRegion is the region of a server of
// one's own.
const (
	s3Scheme      = "s3://"
	defaultRegion = "us-east-1"
)

// S3Place is where in which bucket backups are.
type S3Place struct {
	Bucket string
	// Prefix begins the names of all objects; it is empty or ends in a slash.
	Prefix string
	Region string
	// Endpoint is the address of the server; "" is Amazon's for the region.
	Endpoint string
}

var (
	s3Bucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	s3Region = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
)

// String is the place as people call it, without parameters.
func (p S3Place) String() string {
	return s3Scheme + p.Bucket + "/" + strings.TrimSuffix(p.Prefix, "/")
}

// parseS3 reads s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION. No error has a
// part of the address that may be a secret.
func parseS3(address string) (p S3Place, err error) {
	refuse := func(why string, args ...any) (S3Place, error) {
		return S3Place{}, town.Fail("use the destination s3://...", "gt config backup.to 's3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION'",
			"%w: "+why, append([]any{town.ErrUsage}, args...)...)
	}
	u, err := url.Parse(address)
	if err != nil {
		return refuse("it is not a URL")
	}
	if u.User != nil || strings.Contains(u.Host, "@") {
		return refuse("credentials do not belong into an address; they are the secrets %s and %s", SecretKeyID, SecretKey)
	}
	p.Bucket, p.Prefix, p.Region = u.Host, strings.Trim(u.Path, "/"), defaultRegion
	if !s3Bucket.MatchString(p.Bucket) || strings.Contains(p.Bucket, "..") {
		return refuse("%s is not the name of a bucket", town.Typed(p.Bucket))
	}
	if p.Prefix != "" {
		if !gitKey.MatchString(p.Prefix) || len(p.Prefix) > 500 {
			return refuse("a prefix has letters, digits, and . _ - between slashes")
		}
		p.Prefix += "/"
	}
	if u.Fragment != "" || u.Opaque != "" {
		return refuse("it has more than a bucket, a prefix and parameters")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return refuse("its parameters cannot be read")
	}
	for name, values := range query {
		switch {
		case len(values) != 1:
			return refuse("%s is there twice", town.Typed(name))
		case name == "region":
			if p.Region = values[0]; !s3Region.MatchString(p.Region) {
				return refuse("that is not the name of a region")
			}
		case name == "endpoint":
			if p.Endpoint = strings.TrimSuffix(values[0], "/"); !s3Endpoint(p.Endpoint) {
				return refuse("an endpoint is https://HOST or https://HOST:PORT, without a path and without credentials; http:// only on this machine")
			}
		default:
			return refuse("there is no parameter %s; there are endpoint and region", town.Typed(name))
		}
	}
	if p.Endpoint == "" && !query.Has("region") {
		return refuse("it has no region, which Amazon's S3 needs, and no endpoint")
	}
	return p, nil
}

// s3Endpoint reports whether a server may be asked at an address. Without TLS the content
// could be read on the way.
func s3Endpoint(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Hostname() == "" || u.Opaque != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

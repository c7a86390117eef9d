package backup

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's own checksum of what arrives; nothing relies on it against an attacker
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"gastown/town"
)

// S3 is a Store in a bucket of Amazon S3 or of a server with its API. An object appears
// whole or not at all. A large file is sent in parts, which become one object at the end.
type S3 struct {
	S3Place
	// Secrets returns those of the named secrets that there are. Nothing else is asked for
	// credentials: no file of a person, no service of a machine.
	Secrets func(ctx context.Context, names []string) (map[string]string, error)
	// Part is how many bytes a request sends, at least 5 MiB; 0 is defaultPart.
	Part int64
	// Idle is how long nothing may move on a connection, and Pause the longest pause between
	// two attempts; 0 is s3Idle and s3Pause.
	Idle, Pause time.Duration

	mu     sync.Mutex
	client *s3.Client
	redact func(string) string
}

const (
	defaultPart = 64 << 20
	// maxParts is how many parts S3 takes for one object.
	maxParts = 10_000
	// maxListed bounds how many files are listed, and maxPages in how many answers.
	maxListed = 1 << 20
	maxPages  = 20_000
	// abortTime is how long it may take to give up parts when a run fails.
	abortTime = 5 * time.Second
)

// Encrypts implements Store.
func (s *S3) Encrypts() bool { return false }

// object is the name of a file in the bucket.
func (s *S3) object(key string) (*string, error) {
	if !gitKey.MatchString(key) {
		return nil, fmt.Errorf("use %q at %s: %w: it is not a key", town.Clip(key, 80), s, ErrDamaged)
	}
	return aws.String(s.Prefix + key), nil
}

// List implements Store. It leaves out objects whose names are no keys, such as those that
// stand for directories.
func (s *S3) List(ctx context.Context) (map[string]int64, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	in := &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &s.Prefix}
	for range maxPages {
		out, err := c.ListObjectsV2(ctx, in)
		if err != nil {
			return nil, s.failed(ctx, "list the backups", err)
		}
		for _, o := range out.Contents {
			key, ok := strings.CutPrefix(aws.ToString(o.Key), s.Prefix)
			if !ok || !gitKey.MatchString(key) {
				continue
			}
			if o.Size == nil || *o.Size < 0 {
				return nil, fmt.Errorf("list the backups at %s: %w: %s has no size", s, ErrDamaged, key)
			}
			all[key] = *o.Size
		}
		next := aws.ToString(out.NextContinuationToken)
		if !aws.ToBool(out.IsTruncated) {
			return all, nil
		}
		if next == "" || next == aws.ToString(in.ContinuationToken) || len(all) > maxListed {
			break
		}
		in.ContinuationToken = &next
	}
	return nil, s.fail("list the backups", "give the backups a prefix of their own: gt config backup.to", "the list of files has no end")
}

// Get implements Store.
func (s *S3) Get(ctx context.Context, keys []string, dir string) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		name, err := s.object(key)
		if err != nil {
			return err
		}
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: name})
		if missing(err) {
			return fmt.Errorf("%s at %s: %w", key, s, fs.ErrNotExist)
		}
		if err != nil {
			return s.failed(ctx, "read "+key, err)
		}
		if err := s.save(ctx, out, key, filepath.Join(dir, filepath.FromSlash(key))); err != nil {
			return err
		}
	}
	return nil
}

// missing reports whether there is no such object. A missing bucket is another failure.
func missing(err error) bool {
	var none *types.NoSuchKey
	return errors.As(err, &none)
}

// save writes an object to a new file; see create.
func (s *S3) save(ctx context.Context, out *s3.GetObjectOutput, key, to string) error {
	defer out.Body.Close()
	if out.ContentLength == nil {
		return fmt.Errorf("read %s at %s: %w: it has no size", key, s, ErrDamaged)
	}
	target, err := create(to)
	if err != nil {
		return err
	}
	// A body that is shorter than its size is an error of net/http, and none is longer.
	_, err = io.Copy(target, out.Body)
	if err := errors.Join(err, target.Close()); err != nil {
		_ = os.Remove(to)
		return s.failed(ctx, "read "+key, err)
	}
	return nil
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, dir string, keys []string) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.put(ctx, c, filepath.Join(dir, filepath.FromSlash(key)), key); err != nil {
			return err
		}
	}
	return nil
}

func (s *S3) put(ctx context.Context, c *s3.Client, path, key string) error {
	name, err := s.object(key)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size, part := info.Size(), s.Part
	if part == 0 {
		part = defaultPart
	}
	if size > part {
		part = max(part, (size+maxParts-1)/maxParts)
		return s.putParts(ctx, c, f, size, part, name, key)
	}
	body := io.NewSectionReader(f, 0, size)
	sum, err := contentMD5(body)
	if err != nil {
		return err
	}
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.Bucket, Key: name, Body: body, ContentLength: &size, ContentMD5: sum})
	return s.failed(ctx, "write "+key, err)
}

// contentMD5 is the checksum by which the server knows that all of a request has arrived as
// it was sent. Every server checks this one; newer ones are refused by some.
func contentMD5(r *io.SectionReader) (*string, error) {
	h := md5.New() //nolint:gosec // see the import
	if _, err := io.Copy(h, r); err != nil {
		return nil, err
	}
	_, err := r.Seek(0, io.SeekStart)
	return aws.String(base64.StdEncoding.EncodeToString(h.Sum(nil))), err
}

// putParts sends a file in parts. It gives them up when one fails.
func (s *S3) putParts(ctx context.Context, c *s3.Client, f io.ReaderAt, size, part int64, name *string, key string) (err error) {
	begun, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.Bucket, Key: name})
	if err != nil {
		return s.failed(ctx, "write "+key, err)
	}
	defer func() {
		if err != nil {
			actx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
			defer cancel()
			// What stays is removed by Tidy.
			_, _ = c.AbortMultipartUpload(actx, &s3.AbortMultipartUploadInput{Bucket: &s.Bucket, Key: name, UploadId: begun.UploadId})
		}
	}()
	var done []types.CompletedPart
	for from := int64(0); from < size; from += part {
		body := io.NewSectionReader(f, from, min(part, size-from))
		sum, err := contentMD5(body)
		if err != nil {
			return err
		}
		number, length := aws.Int32(int32(len(done)+1)), body.Size() // #nosec G115 -- at most maxParts
		sent, err := c.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &s.Bucket, Key: name, UploadId: begun.UploadId, PartNumber: number, Body: body, ContentLength: &length, ContentMD5: sum,
		})
		if err != nil {
			return s.failed(ctx, "write "+key, err)
		}
		done = append(done, types.CompletedPart{PartNumber: number, ETag: sent.ETag})
	}
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.Bucket, Key: name, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	})
	return s.failed(ctx, "write "+key, err)
}

// Remove implements Store. It removes one object a request: not every server takes lists.
func (s *S3) Remove(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		name, err := s.object(key)
		if err != nil {
			return err
		}
		if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.Bucket, Key: name}); err != nil && !missing(err) {
			return s.failed(ctx, "remove "+key, err)
		}
	}
	return nil
}

// Tidy gives up the parts that processes that were killed left, if they began before a time.
func (s *S3) Tidy(ctx context.Context, before time.Time) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	in := &s3.ListMultipartUploadsInput{Bucket: &s.Bucket, Prefix: &s.Prefix}
	for range maxPages {
		out, err := c.ListMultipartUploads(ctx, in)
		if err != nil {
			return s.failed(ctx, "list unfinished files", err)
		}
		for _, u := range out.Uploads {
			key, ok := strings.CutPrefix(aws.ToString(u.Key), s.Prefix)
			if !ok || !gitKey.MatchString(key) || u.Initiated == nil || !u.Initiated.Before(before) {
				continue
			}
			_, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.Bucket, Key: u.Key, UploadId: u.UploadId})
			var gone *types.NoSuchUpload
			if err != nil && !errors.As(err, &gone) {
				return s.failed(ctx, "remove the parts of "+key, err)
			}
		}
		if !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextKeyMarker) == "" {
			break
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
	return nil
}

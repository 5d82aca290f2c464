package deadletter

import (
	"context"
	"fmt"
	"strconv"

	"roomrelay/internal/cluster"
)

// Unfit says why a topic can't hold the letters of a source topic, or "". The error says that this couldn't be
// found out: it needs DESCRIBE_CONFIGS on both.
func Unfit(ctx context.Context, c *cluster.Client, topic, source string) (why string, err error) {
	const policy, size = "cleanup.policy", "max.message.bytes"
	letters, err := c.Config(ctx, topic, policy, size)
	if err != nil {
		return "", err
	}
	if p, told := letters[policy]; told && p != "delete" {
		return fmt.Sprintf("its cleanup.policy is %s: letters of a room would replace one another; set it to delete", p), nil
	}
	events, err := c.Config(ctx, source, size)
	if err != nil {
		return "", err
	}
	least, err1 := strconv.Atoi(events[size])
	most, err2 := strconv.Atoi(letters[size])
	if err1 == nil && err2 == nil && most < least {
		return fmt.Sprintf("its max.message.bytes is %d, and that of %s is %d: letters would lose their values; set it to %d or more", most, source, least, least), nil
	}
	return "", nil
}

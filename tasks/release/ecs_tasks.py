"""All tasks that ECS lists, each described: it lists them in pages and describes no more than a page at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ListTasksRequestPaginateTypeDef, TaskTypeDef

    from tasks.clients import Clients

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html (tasks)
MOST_AT_ONCE = 100


def listed(wanted: ListTasksRequestPaginateTypeDef, clients: Clients) -> list[TaskTypeDef]:
    """Return the tasks that ListTasks finds.

    Raises:
        botocore.exceptions.ClientError: to be asked within `asking_aws`, which says what was asked for.
    """
    pages = clients.ecs.get_paginator("list_tasks").paginate(**wanted)
    arns = [arn for page in pages for arn in page["taskArns"]]
    found: list[TaskTypeDef] = []
    for start in range(0, len(arns), MOST_AT_ONCE):
        chunk = arns[start : start + MOST_AT_ONCE]
        found += clients.ecs.describe_tasks(cluster=wanted.get("cluster", "default"), tasks=chunk)["tasks"]
    return found

"""The twelve variables of the manual procedure, its section 4.2, with their values."""

RUNBOOK = {
    "AWS_REGION": "us-east-2",
    "AWS_ACCOUNT_ID": "727646509464",
    "ECS_CLUSTER_BACKEND": "spryte-cluster",
    "ECS_SERVICE_BACKEND": "spryte-backend-service",
    "ECS_TASK_DEFINITION_BACKEND": "spryte-backend",
    "ECS_CONTAINER_NAME_BACKEND": "spryte-backend",
    "ECR_REPOSITORY_BACKEND": "spryte-backend",
    "ECS_CLUSTER_FRONTEND": "spryte-cluster",
    "ECS_SERVICE_FRONTEND": "spryte-frontend-service",
    "ECS_TASK_DEFINITION_FRONTEND": "spryte-frontend",
    "ECS_CONTAINER_NAME_FRONTEND": "spryte-frontend",
    "ECR_REPOSITORY_FRONTEND": "spryte-frontend",
}

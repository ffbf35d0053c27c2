package kube

import (
	"math"
	"strconv"
	"strings"
)

var (
	deploymentCreated     = gauge("kube_deployment_created", "When a deployment was made, in seconds since 1970.")
	deploymentWanted      = gauge("kube_deployment_spec_replicas", "How many pods a deployment is to have.")
	deploymentPaused      = gauge("kube_deployment_spec_paused", "Whether a deployment is paused.")
	deploymentMayMiss     = gauge("kube_deployment_spec_strategy_rollingupdate_max_unavailable", "How many pods may be missing during a rollout.")
	deploymentMayAdd      = gauge("kube_deployment_spec_strategy_rollingupdate_max_surge", "How many pods more than wanted there may be during a rollout.")
	deploymentReplicas    = gauge("kube_deployment_status_replicas", "How many pods a deployment has.")
	deploymentReady       = gauge("kube_deployment_status_replicas_ready", "How many pods of a deployment are ready.")
	deploymentAvailable   = gauge("kube_deployment_status_replicas_available", "How many pods of a deployment are available.")
	deploymentMissing     = gauge("kube_deployment_status_replicas_unavailable", "How many pods of a deployment are not available.")
	deploymentUpdated     = gauge("kube_deployment_status_replicas_updated", "How many pods of a deployment are of its newest revision.")
	deploymentObserved    = gauge("kube_deployment_status_observed_generation", "The generation that the controller has taken up.")
	deploymentGeneration  = gauge("kube_deployment_metadata_generation", "The generation of what is wanted.")
	deploymentCondition   = gauge("kube_deployment_status_condition", "How the conditions of a deployment stand.")
	replicaSetCreated     = gauge("kube_replicaset_created", "When a replica set was made, in seconds since 1970.")
	replicaSetWanted      = gauge("kube_replicaset_spec_replicas", "How many pods a replica set is to have.")
	replicaSetReplicas    = gauge("kube_replicaset_status_replicas", "How many pods a replica set has.")
	replicaSetReady       = gauge("kube_replicaset_status_ready_replicas", "How many pods of a replica set are ready.")
	replicaSetObserved    = gauge("kube_replicaset_status_observed_generation", "The generation that the controller has taken up.")
	replicaSetGeneration  = gauge("kube_replicaset_metadata_generation", "The generation of what is wanted.")
	replicaSetOwner       = gauge("kube_replicaset_owner", "Who owns a replica set.")
	statefulSetCreated    = gauge("kube_statefulset_created", "When a stateful set was made, in seconds since 1970.")
	statefulSetWanted     = gauge("kube_statefulset_replicas", "How many pods a stateful set is to have.")
	statefulSetReplicas   = gauge("kube_statefulset_status_replicas", "How many pods a stateful set has.")
	statefulSetCurrent    = gauge("kube_statefulset_status_replicas_current", "How many pods of a stateful set are of its current revision.")
	statefulSetReady      = gauge("kube_statefulset_status_replicas_ready", "How many pods of a stateful set are ready.")
	statefulSetAvailable  = gauge("kube_statefulset_status_replicas_available", "How many pods of a stateful set are available.")
	statefulSetUpdated    = gauge("kube_statefulset_status_replicas_updated", "How many pods of a stateful set are of its newest revision.")
	statefulSetObserved   = gauge("kube_statefulset_status_observed_generation", "The generation that the controller has taken up.")
	statefulSetGeneration = gauge("kube_statefulset_metadata_generation", "The generation of what is wanted.")
	statefulSetRevision   = gauge("kube_statefulset_status_current_revision", "The revision that the pods of a stateful set had before the update.")
	statefulSetUpdate     = gauge("kube_statefulset_status_update_revision", "The revision that the pods of a stateful set are updated to.")
	daemonSetCreated      = gauge("kube_daemonset_created", "When a daemon set was made, in seconds since 1970.")
	daemonSetCurrent      = gauge("kube_daemonset_status_current_number_scheduled", "How many nodes that should run a daemon pod do.")
	daemonSetWanted       = gauge("kube_daemonset_status_desired_number_scheduled", "How many nodes should run a daemon pod.")
	daemonSetAvailable    = gauge("kube_daemonset_status_number_available", "How many nodes have an available daemon pod.")
	daemonSetMissing      = gauge("kube_daemonset_status_number_unavailable", "How many nodes lack an available daemon pod.")
	daemonSetMisplaced    = gauge("kube_daemonset_status_number_misscheduled", "How many nodes run a daemon pod and should not.")
	daemonSetReady        = gauge("kube_daemonset_status_number_ready", "How many nodes have a ready daemon pod.")
	daemonSetUpdated      = gauge("kube_daemonset_status_updated_number_scheduled", "How many nodes run the newest daemon pod.")
	daemonSetObserved     = gauge("kube_daemonset_status_observed_generation", "The generation that the controller has taken up.")
	daemonSetGeneration   = gauge("kube_daemonset_metadata_generation", "The generation of what is wanted.")
	jobInfo               = gauge("kube_job_info", "1 for each job.")
	jobOwner              = gauge("kube_job_owner", "Who owns a job.")
	jobCreated            = gauge("kube_job_created", "When a job was made, in seconds since 1970.")
	jobParallelism        = gauge("kube_job_spec_parallelism", "How many pods of a job may run at once.")
	jobCompletions        = gauge("kube_job_spec_completions", "How many pods of a job must succeed.")
	jobDeadline           = gauge("kube_job_spec_active_deadline_seconds", "How long a job may take.")
	jobActive             = gauge("kube_job_status_active", "How many pods of a job run.")
	jobSucceeded          = gauge("kube_job_status_succeeded", "How many pods of a job have succeeded.")
	jobFailures           = gauge("kube_job_status_failed", "How many pods of a job have failed.")
	jobStarted            = gauge("kube_job_status_start_time", "When a job was started, in seconds since 1970.")
	jobEnded              = gauge("kube_job_status_completion_time", "When a job was complete, in seconds since 1970.")
	jobComplete           = gauge("kube_job_complete", "Whether a job is complete.")
	jobFailed             = gauge("kube_job_failed", "Whether a job has given up.")
	cronJobInfo           = gauge("kube_cronjob_info", "The schedule of a cron job.")
	cronJobCreated        = gauge("kube_cronjob_created", "When a cron job was made, in seconds since 1970.")
	cronJobActive         = gauge("kube_cronjob_status_active", "How many jobs of a cron job run.")
	cronJobLast           = gauge("kube_cronjob_status_last_schedule_time", "When a cron job was started last, in seconds since 1970.")
	cronJobSuccess        = gauge("kube_cronjob_status_last_successful_time", "When a cron job succeeded last, in seconds since 1970.")
	cronJobSuspended      = gauge("kube_cronjob_spec_suspend", "Whether a cron job is suspended.")
	cronJobDeadline       = gauge("kube_cronjob_spec_starting_deadline_seconds", "How late a cron job may be started.")
	hpaInfo               = gauge("kube_horizontalpodautoscaler_info", "What an autoscaler scales.")
	hpaGeneration         = gauge("kube_horizontalpodautoscaler_metadata_generation", "The generation of what is wanted.")
	hpaMax                = gauge("kube_horizontalpodautoscaler_spec_max_replicas", "How many replicas there may be at most.")
	hpaMin                = gauge("kube_horizontalpodautoscaler_spec_min_replicas", "How many replicas there must be at least.")
	hpaCurrent            = gauge("kube_horizontalpodautoscaler_status_current_replicas", "How many replicas there are.")
	hpaDesired            = gauge("kube_horizontalpodautoscaler_status_desired_replicas", "How many replicas the autoscaler wants.")
	hpaCondition          = gauge("kube_horizontalpodautoscaler_status_condition", "How the conditions of an autoscaler stand.")
)

func (m *Meta) labels(name string) labelSet {
	return labelSet(nil).with("namespace", m.Namespace, name, m.Name)
}

// wanted is how many pods are wanted; the API's default is one.
func (w *workload) wanted() int {
	if w.Spec.Replicas == nil {
		return 1
	}
	return *w.Spec.Replicas
}

func (b *batch) numbers(l labelSet, pairs ...any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		var v float64
		switch n := pairs[i+1].(type) {
		case int:
			v = float64(n)
		case int64:
			v = float64(n)
		}
		b.set(pairs[i].(*family), v, l)
	}
}

func (b *batch) deployment(o *workload) {
	l := o.Meta.labels("deployment")
	b.at(deploymentCreated, o.Created, l)
	b.numbers(l, deploymentWanted, o.wanted(), deploymentReplicas, o.Status.Replicas, deploymentReady, o.Status.Ready, deploymentAvailable, o.Status.Available,
		deploymentMissing, o.Status.Unavailable, deploymentUpdated, o.Status.Updated, deploymentObserved, o.Status.Observed, deploymentGeneration, o.Generation)
	b.truth(deploymentPaused, o.Spec.Paused, l)
	if o.Spec.Strategy.Type != "Recreate" {
		if n, ok := o.Spec.Strategy.Rolling.Unavailable.of(o.wanted(), math.Floor); ok {
			b.set(deploymentMayMiss, n, l)
		}
		if n, ok := o.Spec.Strategy.Rolling.Surge.of(o.wanted(), math.Ceil); ok {
			b.set(deploymentMayAdd, n, l)
		}
	}
	for _, c := range o.Status.Conditions {
		b.oneOf(deploymentCondition, statusTruth, strings.ToLower(c.Status), l.with("condition", c.Type, "reason", c.Reason))
	}
}

// of is a number of the API, or its share of a whole.
func (n number) of(whole int, round func(float64) float64) (float64, bool) {
	text, share := strings.CutSuffix(string(n), "%")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	if share {
		v = round(v / 100 * float64(whole))
	}
	return v, true
}

func (b *batch) replicaSet(o *workload) {
	l := o.Meta.labels("replicaset")
	b.at(replicaSetCreated, o.Created, l)
	b.numbers(l, replicaSetWanted, o.wanted(), replicaSetReplicas, o.Status.Replicas, replicaSetReady, o.Status.Ready, replicaSetObserved, o.Status.Observed, replicaSetGeneration, o.Generation)
	b.owners(replicaSetOwner, &o.Meta, l)
}

func (b *batch) statefulSet(o *workload) {
	l := o.Meta.labels("statefulset")
	b.at(statefulSetCreated, o.Created, l)
	b.numbers(l, statefulSetWanted, o.wanted(), statefulSetReplicas, o.Status.Replicas, statefulSetCurrent, o.Status.Current, statefulSetReady, o.Status.Ready,
		statefulSetAvailable, o.Status.Available, statefulSetUpdated, o.Status.Updated, statefulSetObserved, o.Status.Observed, statefulSetGeneration, o.Generation)
	b.set(statefulSetRevision, 1, l.with("revision", o.Status.CurrentRevision))
	b.set(statefulSetUpdate, 1, l.with("revision", o.Status.Revision))
}

func (b *batch) daemonSet(o *workload) {
	l := o.Meta.labels("daemonset")
	b.at(daemonSetCreated, o.Created, l)
	b.numbers(l, daemonSetCurrent, o.Status.CurrentNodes, daemonSetWanted, o.Status.WantedNodes, daemonSetAvailable, o.Status.AvailableNodes, daemonSetMissing, o.Status.MissingNodes,
		daemonSetMisplaced, o.Status.MisplacedNodes, daemonSetReady, o.Status.ReadyNodes, daemonSetUpdated, o.Status.UpdatedNodes, daemonSetObserved, o.Status.Observed, daemonSetGeneration, o.Generation)
}

func (b *batch) job(o *workload) {
	l := o.Meta.labels("job_name")
	b.set(jobInfo, 1, l)
	b.owners(jobOwner, &o.Meta, l)
	b.at(jobCreated, o.Created, l)
	b.optional(jobParallelism, o.Spec.Parallelism, l)
	b.optional(jobCompletions, o.Spec.Completions, l)
	b.optional(jobDeadline, o.Spec.ActiveDeadline, l)
	b.numbers(l, jobActive, int(o.Status.Active), jobSucceeded, o.Status.Succeeded)
	failed := find(o.Status.Conditions, "Failed")
	if o.Status.Failed == 0 {
		b.set(jobFailures, 0, l)
	} else {
		b.set(jobFailures, float64(o.Status.Failed), l.with("reason", failed.Reason))
	}
	b.at(jobStarted, o.Status.Started, l)
	b.at(jobEnded, o.Status.Completed, l)
	if c := find(o.Status.Conditions, "Complete"); c.Status != "" {
		b.oneOf(jobComplete, truths, c.truth(), l)
	}
	if failed.Status != "" {
		b.oneOf(jobFailed, truths, failed.truth(), l)
	}
}

func (b *batch) optional(f *family, n *int, l labelSet) {
	if n != nil {
		b.set(f, float64(*n), l)
	}
}

func (b *batch) cronJob(o *workload) {
	l := o.Meta.labels("cronjob")
	b.set(cronJobInfo, 1, l.with("schedule", o.Spec.Schedule, "concurrency_policy", o.Spec.Concurrency, "timezone", firstOf(o.Spec.TimeZone, "local")))
	b.at(cronJobCreated, o.Created, l)
	b.numbers(l, cronJobActive, int(o.Status.Active))
	b.at(cronJobLast, o.Status.LastScheduled, l)
	b.at(cronJobSuccess, o.Status.LastSuccess, l)
	b.truth(cronJobSuspended, o.Spec.Suspend, l)
	b.optional(cronJobDeadline, o.Spec.StartDeadline, l)
}

func (b *batch) autoscaler(o *autoscaler) {
	l := o.Meta.labels("horizontalpodautoscaler")
	b.set(hpaInfo, 1, l.with("scaletargetref_api_version", o.Spec.Target.Version, "scaletargetref_kind", o.Spec.Target.Kind, "scaletargetref_name", o.Spec.Target.Name))
	least := 1
	if o.Spec.Min != nil {
		least = *o.Spec.Min
	}
	b.numbers(l, hpaGeneration, o.Generation, hpaMax, o.Spec.Max, hpaMin, least, hpaCurrent, o.Status.Current, hpaDesired, o.Status.Desired)
	b.conditions(hpaCondition, "condition", o.Status.Conditions, l)
}

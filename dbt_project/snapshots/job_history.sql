{% snapshot job_history %}
{{ reference_history(source('reference', 'job')) }}
{% endsnapshot %}

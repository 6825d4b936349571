{% snapshot group_history %}
{{ reference_history(source('reference', 'group')) }}
{% endsnapshot %}

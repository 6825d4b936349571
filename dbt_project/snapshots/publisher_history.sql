{% snapshot publisher_history %}
{{ reference_history(source('reference', 'publisher')) }}
{% endsnapshot %}

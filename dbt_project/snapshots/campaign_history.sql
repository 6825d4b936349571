{% snapshot campaign_history %}
{{ reference_history(source('reference', 'campaign')) }}
{% endsnapshot %}
